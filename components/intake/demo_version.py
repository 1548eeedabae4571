"""The data version that the default demo is known by."""

DEMO_MD5 = "09dcf4e016b7d8db59489e8db2f6d3bb.dir"
"""DVC's md5 of the folder that `write_demo` makes with its default seed and sizes."""
