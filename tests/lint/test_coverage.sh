#!/usr/bin/env bash
# ctest: labels=slow timeout=900 serial
# Every branch of what decides is taken by a test, or says why not: tests/coverage/run.
exec "$SOURCE_DIR/tests/coverage/run"
