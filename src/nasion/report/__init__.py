"""What people read: tables, plots, pages, and the benchmarks."""
