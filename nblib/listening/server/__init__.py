"""The page on which people take a listening test: a small web server that stores each answer before it says so."""

from nblib.listening.server.app import create_app
from nblib.listening.server.export import stored_participants, stored_votes
from nblib.listening.server.serving import serve

__all__ = ["create_app", "serve", "stored_participants", "stored_votes"]
