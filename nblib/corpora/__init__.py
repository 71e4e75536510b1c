"""Music, noisy speech and songs: recordings in the datasets' published layouts."""

from __future__ import annotations

from nblib.corpora.items import SPLITS, Mixture, limited, measured_snr_db, mix, split_groups

__all__ = ["SPLITS", "Mixture", "limited", "measured_snr_db", "mix", "split_groups"]
