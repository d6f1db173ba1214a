"""Upkeep of the lake: small files become large ones, what nobody can read any more goes.

``wherry.lake.upkeep.upkeep.keep_up`` does all of it. Each step may be killed at any point: every table stays readable,
and what is left over is removed by a later upkeep.
"""
