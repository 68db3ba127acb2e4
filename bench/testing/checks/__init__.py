"""The checks: each tries one promise of a plugin, and its name is what is printed.

A check returns a remark or nothing, and raises `expectations.Failed` where the promise is not
kept.
"""
