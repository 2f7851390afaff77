"""The benchmarks behind `nasion bench`: one module each, every figure printed by one command.

A benchmark is a function that measures and returns a `Result`; it prints nothing and writes nothing but what it
measures. `Result` is shown in the terminal and written as JSON, Markdown and plots by `nasion.report.bench.result`.
"""
