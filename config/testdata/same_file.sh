#!/usr/bin/env bash
# Fails, and shows how they differ, unless two files are the same.
exec diff -u "$1" "$2"
