from . import manifest as manifest
from . import webmushra as webmushra
from .app import create_app as create_app
from .app import serve as serve
from .build import build_test as build_test
from .build import read_systems as read_systems
from .store import stored_participants as stored_participants
from .store import stored_votes as stored_votes
