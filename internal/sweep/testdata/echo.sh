#!/bin/sh
# Stands for the binary: shows its arguments and its process.
printf '%s|' "$@"
echo
echo "pid $$"
