"""The listening test for people: made from systems, served in the browser, its votes taken out; to and from webMUSHRA."""
