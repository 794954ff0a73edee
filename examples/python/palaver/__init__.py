"""A small second implementation of the Palaver protocol, written from its specification alone."""
