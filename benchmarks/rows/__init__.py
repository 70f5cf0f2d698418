"""The rows of docs/performance.md: each module measures one kind of work, beside a unit or beside the code before."""
