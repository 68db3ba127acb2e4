"""The checks: each tries one promise of a method, and its name is what is printed.

A check returns a remark or nothing, and raises `expectations.Failed` where the promise is not
kept.
"""
