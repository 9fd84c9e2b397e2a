// Tests that start, kill and watch processes: one file after the other, each in a process of its own, with time to spare.
export default {
  files: ['build/test/process/**/*.test.js', 'build/test/packaging/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  serial: true,
  timeout: '10m',
}
