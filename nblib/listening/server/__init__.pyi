from . import manifest as manifest
from . import webmushra as webmushra
from .app import create_app as create_app
from .build import build_test as build_test
from .export import stored_participants as stored_participants
from .export import stored_votes as stored_votes
from .serving import serve as serve
from .systems import read_systems as read_systems
