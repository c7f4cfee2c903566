"""Networks by the name of a zoo, e.g. ``timm/resnet18``: untrained, never downloaded.

A zoo is a function in the entry-point group ``brainray.zoos``, called as
``build(name, preparation, classes)``. Its name is that of the distribution it needs.
"""
