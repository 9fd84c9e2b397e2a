// npm run test:runtimes: the packed package under other runtimes and npm versions, which are downloaded first.
export default {
  files: ['build/test/runtimes/**/*.test.js'],
  workerThreads: false,
  concurrency: 1,
  serial: true,
  timeout: '10m',
}
