"""What studies are made of: loss networks, teachers and capacities; a further one is one entry here."""

from dataclasses import dataclass, replace

from nblib.audio import Codec, Geometry
from nblib.training import NetworkSpec, Training

SPEECH, VOCALS = TASKS = ("speech", "vocals")
BASELINE, CODEC = "l1", "codec"  # the contenders that the papers compare


@dataclass(frozen=True)
class Size:
    """Items per split, and the seconds of each where recordings are not taken whole."""

    train: int
    validation: int
    test: int
    seconds: float | None = None


@dataclass(frozen=True)
class LossNetwork:
    """A network that learns a codec, its training, and the geometry of its patches."""

    network: NetworkSpec
    training: Training
    geometry: Geometry


@dataclass(frozen=True)
class Teacher:
    """A codec, and the loss network that learns it."""

    title: str
    loss_network: str  # of `Settings.loss_networks`
    codec: Codec = Codec("mp3", 16_000)
    contender: str = ""  # the name under which its codec loss competes in the capacity study; empty: it does not


TEACHERS = {
    "ijcnn20": Teacher("IJCNN'20, spectral", "ijcnn20", contender=CODEC),
    "mm19_spectral": Teacher("MM'19, spectral", "mm19_spectral"),
    "mm19_time_domain": Teacher("MM'19, time domain", "mm19_time_domain"),
}

# Layers and filters: IJCNN'20 Table I, rows "Number of Layers" and "F"; the counts of Table II follow.
SIZES = {SPEECH: ((1, 1), (1, 2), (1, 4), (2, 2), (2, 4)), VOCALS: ((2, 1), (2, 4), (3, 2), (4, 2), (5, 4))}
CAPACITIES = {
    task: {f"P{number}": NetworkSpec(*size) for number, size in enumerate(sizes, start=1)}
    for task, sizes in SIZES.items()
}

MM19_GEOMETRY = Geometry(sample_rate=16_000)  # 66,048 samples: spectral network, Models A, B and C
MM19_TIME_GEOMETRY = Geometry(sample_rate=16_000, frames=31)  # 16,384: time-domain network, Model D

# Gains of training patches are not given: a codec hardly depends on level. The time-domain network treats all levels
# nearly alike, and gains cost it accuracy: 0.92 of the identity's l1 instead of 0.88.
_SPECTRAL = Training(batch_size=32, gain_db=(-20.0, 0.0))
_TIME_DOMAIN = Training(learning_rate=1e-4, batch_size=16)
LOSS_NETWORKS = {
    "ijcnn20": LossNetwork(NetworkSpec(6, 28), replace(_SPECTRAL, learning_rate=1e-4), Geometry()),
    "mm19_spectral": LossNetwork(NetworkSpec(5, 32), replace(_SPECTRAL, learning_rate=1e-3), MM19_GEOMETRY),
    "mm19_time_domain": LossNetwork(NetworkSpec(8, 32, kind="wave_unet"), _TIME_DOMAIN, MM19_TIME_GEOMETRY),
}


@dataclass(frozen=True)
class Autoencoding:
    """MM'19's autoencoders: Table 2, Sections 6.1 and 8.1; what is not there is marked."""

    geometry: Geometry = MM19_GEOMETRY
    time_geometry: Geometry = MM19_TIME_GEOMETRY
    autoencoder: NetworkSpec = NetworkSpec(8, 12, kind="autoencoder")
    training: Training = Training(learning_rate=1e-3, batch_size=32)
    unit_epochs: int = 10  # how the weights of equations (2) to (4) are set is not given: as IJCNN'20 sets its own
    limit_hz: int = 3000
    broadband_limit_hz: int = 5000  # Section 8.1: "limited to a sample rate of 10000Hz instead of the 6000Hz"
    replicates: int = 3  # the paper trains one of each model
    broadband_replicates: int = 1
