"""The autoencoder can reach the SNR that MM'19 Table 3 reports at all: on one batch, trained long enough."""

import torch
from helpers.measures import plucked
from torch.nn.functional import l1_loss

from nblib.audio import band_limit
from nblib.evaluation import frame_snr
from nblib.networks import AutoEncoder
from nblib.provenance import seed_everything, torch_threads

STEPS = 1400


def test_one_batch_is_learnt_to_more_than_40_decibels():
    piece = band_limit(plucked(3.0, 16_000), 16_000, 3000)[16_384 : 16_384 + 8192]
    batch = torch.from_numpy(piece)[None, None]
    with torch_threads(1):
        seed_everything("overfitting")
        network = AutoEncoder()
        optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
        falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, 2 * (1 - step / STEPS)))
        before = network(batch).detach()
        for _ in range(STEPS):
            optimiser.zero_grad()
            l1_loss(network(batch), batch).backward()
            optimiser.step()
            falling.step()
        after = network(batch).detach()
    reached = [frame_snr(piece, restored[0, 0].numpy())["snr_db"] for restored in (before, after)]
    assert reached[0] < 10 and reached[1] > 40
