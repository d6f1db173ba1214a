"""Tables of other systems: taken into the lake, in place where their format allows it, and written out of it.

One file per format. Each that can be read has ``offers(connection, foreign)``; each that can be written has a
``write`` or an ``Out``. Their drivers are loaded when they are used.
"""
