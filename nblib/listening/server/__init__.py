"""The listening test for people: made from systems, served in the browser; to and from webMUSHRA."""
