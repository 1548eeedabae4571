"""The data version that the default demo is known by."""

DEMO_MD5 = "00000000000000000000000000000000.dir"
"""DVC's md5 of the folder that `write_demo` makes with its default seed and sizes."""
