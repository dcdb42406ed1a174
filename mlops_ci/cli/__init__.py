"""The command line: parse, wire, call a stage, render, exit."""
