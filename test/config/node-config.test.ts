import test from 'ava'
import { ClustorError } from '../../src/base/errors.js'
import { environmentLayer, fileLayer } from '../../src/config/config-layers.js'
import type { ConfigLayer, NodeConfig } from '../../src/config/node-config.js'
import { resolveNodeConfig } from '../../src/config/node-config.js'

const file = `cluster = "orders"
nodeId = "n2"
dataDir = "data/n2"

[members.n1]
listen = "127.0.0.1:26021"
clientListen = "127.0.0.1:26031"

[members.n2]
listen = "127.0.0.1:26022"
clientListen = "127.0.0.1:26032"

[options]
durability = "group"
segmentBytes = "8MiB"
`

const flags = (
  settings: Record<string, unknown>,
  options: Record<string, unknown> = {},
): ConfigLayer => ({ source: (name) => `--${name}`, settings, options })

function refusalOf(run: () => unknown): ClustorError {
  try {
    run()
  } catch (error) {
    if (error instanceof ClustorError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

test('a file says everything about a node; its addresses come from the members table', (t) => {
  const config = resolveNodeConfig([fileLayer(file, 'n2.toml')])

  t.like(config, { cluster: 'orders', nodeId: 'n2', dataDir: 'data/n2', partitions: ['default'] })
  t.is(config.listen, '127.0.0.1:26022')
  t.is(config.clientListen, '127.0.0.1:26032')
  t.is(config.options.segmentBytes, 8 * 1024 * 1024)
  t.deepEqual(
    config.members.map(({ name, replica }) => [name, replica]),
    [
      ['n1', 1],
      ['n2', 2],
    ],
  )
})

test('the environment wins over the file and flags win over the environment', (t) => {
  const environment = environmentLayer({
    CLUSTOR_SEGMENT_BYTES: '2MiB',
    CLUSTOR_DATA_DIR: '/srv/a',
    CLUSTOR_PARTITIONS: 'a,b',
    HOME: '/root',
  })

  const config = resolveNodeConfig([
    fileLayer(file, 'n2.toml'),
    environment,
    flags({ dataDir: '/srv/b' }),
  ])

  t.is(config.options.segmentBytes, 2 * 1024 * 1024)
  t.is(config.dataDir, '/srv/b')
  t.deepEqual(config.partitions, ['a', 'b'])
})

test('members can be given as text, and replica ids follow the sorted names', (t) => {
  const config = resolveNodeConfig([
    flags({
      cluster: 'c',
      nodeId: 'b',
      dataDir: 'd',
      members: ['b=h:2/h:12', 'a=[::1]:1/[::1]:11'],
    }),
  ])

  t.deepEqual(
    config.members.map(({ name, replica }) => [name, replica]),
    [
      ['a', 1],
      ['b', 2],
    ],
  )
  t.is(config.listen, 'h:2')
})

test('a member that joins is none of those with which the cluster began, and not all can join', (t) => {
  const members = (n1: boolean): unknown => ({
    n1: { listen: 'h:1', clientListen: 'h:2', joins: n1 },
    n4: { listen: 'h:3', clientListen: 'h:4', replica: 4, joins: true },
  })
  const resolve = (n1: boolean): NodeConfig =>
    resolveNodeConfig([flags({ cluster: 'c', nodeId: 'n4', dataDir: 'd', members: members(n1) })])

  t.deepEqual(
    resolve(false).members.map(({ replica, joins }) => [replica, joins]),
    [
      [1, false],
      [4, true],
    ],
  )
  t.throws(() => resolve(true), { message: /a table with a member that does not join/ })
})

test('a node without members is a cluster of one when both addresses are given', (t) => {
  const config = resolveNodeConfig([
    flags({
      cluster: 'c',
      nodeId: 'n1',
      dataDir: 'd',
      listen: 'localhost:1',
      clientListen: 'localhost:2',
    }),
  ])

  t.deepEqual(config.members, [
    { name: 'n1', listen: 'localhost:1', clientListen: 'localhost:2', replica: 1, joins: false },
  ])
})

const edits: readonly {
  readonly name: string
  readonly from: string
  readonly to: string
  readonly message: RegExp
}[] = [
  {
    name: 'text that is not TOML is refused with line and column',
    from: 'cluster = "orders"',
    to: 'cluster = ',
    message: /^n2\.toml:1:\d+: /,
  },
  {
    name: 'an unknown setting is refused with its line and near miss',
    from: 'dataDir',
    to: 'datadir',
    message: /unknown setting datadir in n2\.toml:3; did you mean dataDir\?/,
  },
  {
    name: 'an option value is refused with its line and bounds',
    from: '"8MiB"',
    to: '"8"',
    message: /segmentBytes in n2\.toml:15 is "8"; it must be 64 KiB to 2 GiB/,
  },
  {
    name: 'an unknown option is refused with its line and near miss',
    from: 'segmentBytes',
    to: 'segmentByte',
    message: /unknown option segmentByte in n2\.toml:15; did you mean segmentBytes\?/,
  },
  {
    name: 'a missing setting is refused by name',
    from: 'cluster = "orders"',
    to: '',
    message: /^cluster is missing/,
  },
  {
    name: 'a node that is no member is refused',
    from: '"n2"',
    to: '"n3"',
    message: /nodeId n3 is not one of the members \(n1, n2\)/,
  },
  {
    name: 'an address without port is refused',
    from: '"127.0.0.1:26021"',
    to: '"127.0.0.1"',
    message: /members\.n1\.listen in n2\.toml:5 is "127\.0\.0\.1"; it must be host:port/,
  },
  {
    name: 'a port above 65535 is refused',
    from: '26021',
    to: '99999',
    message: /members\.n1\.listen/,
  },
  {
    name: 'an address used twice is refused with both names',
    from: '26031',
    to: '26022',
    message: /127\.0\.0\.1:26022 is used by n1 and by n2/,
  },
  {
    name: 'an unknown key of a member is refused with its near miss',
    from: 'clientListen',
    to: 'clientlisten',
    message: /unknown key members\.n1\.clientlisten .* did you mean clientListen\?/,
  },
  {
    name: 'whether a member joins is true or false',
    from: 'clientListen = ',
    to: 'joins = "yes"\nclientListen = ',
    message: /members\.n1\.joins in n2\.toml:5 is "yes"; it must be true or false/,
  },
  {
    name: 'a name with a slash is refused',
    from: '"orders"',
    to: '"../orders"',
    message: /cluster in n2\.toml:1 .* it must be a name/,
  },
]

for (const { name, from, to, message } of edits) {
  test(name, (t) => {
    const error = refusalOf(() => resolveNodeConfig([fileLayer(file.replace(from, to), 'n2.toml')]))

    t.is(error.code, 'ERR_INVALID_ARGUMENT')
    t.regex(error.message, message)
  })
}

test('a variable that nearly spells an option is refused with what was meant', (t) => {
  const error = refusalOf(() => environmentLayer({ CLUSTOR_SEGMENT_BYTE: '1MiB' }))

  t.regex(error.message, /CLUSTOR_SEGMENT_BYTE; did you mean CLUSTOR_SEGMENT_BYTES\?/)
})

test('a variable that an orchestrator invented is left alone', (t) => {
  const layer = environmentLayer({ CLUSTOR_SERVICE_HOST: '10.0.0.1', CLUSTOR_ENDPOINTS: 'a:1' })

  t.deepEqual(layer.settings, {})
  t.deepEqual(layer.options, {})
})

test('a bad value in the environment is refused by the name of the variable', (t) => {
  const error = refusalOf(() =>
    resolveNodeConfig([fileLayer(file, 'n2.toml'), environmentLayer({ CLUSTOR_TICK_MS: 'x' })]),
  )

  t.regex(error.message, /tickMs in CLUSTOR_TICK_MS is "x"/)
})

test('the older variables of the codecs are read in any case, and the generated names win', (t) => {
  const { options } = environmentLayer({
    CLUSTOR_LOG_ENCODING: 'JSON',
    CLUSTOR_WAL_CODEC: 'Binary',
    CLUSTOR_LEDGER_CODEC: 'json',
  })

  t.deepEqual(options, { encoding: 'json', ledgerCodec: 'json' })
})

test('a wrong value is refused under the name of the variable that holds it', (t) => {
  const { source } = environmentLayer({ CLUSTOR_LOG_ENCODING: 'xml' })

  t.is(source('encoding'), 'CLUSTOR_LOG_ENCODING')
  t.is(source('ledgerCodec'), 'CLUSTOR_LEDGER_CODEC')
})
