#!/usr/bin/env python3
"""Measures WebSockets through Sluice and its peers. See docs/benchmarks.md for the method."""

from bench.websocket import main

raise SystemExit(main())
