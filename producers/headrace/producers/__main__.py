"""``python -m headrace.producers``."""

from headrace.producers.command_line import main

if __name__ == "__main__":
    raise SystemExit(main())
