#!/usr/bin/env python3
"""Measures Sluice and its peers on this machine. See docs/benchmarks.md for the method."""

from bench.command import main

raise SystemExit(main())
