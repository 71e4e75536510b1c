"""nblib: the library under the notebooks that reproduce the codec-loss papers (MM'19, IJCNN'20)."""

__version__ = "0.1.0"
