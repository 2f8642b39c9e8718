// A worker that cannot even start.
process.exit(3);
