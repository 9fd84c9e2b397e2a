/** The interaction scripts that need neither membership change nor snapshots. The others of the suite run, and
 *  fail at the first command that is unknown, when their directory is named with --dir. */
export const staticMembershipScripts = [
  'async_storage_writes.txt',
  'campaign.txt',
  'checkquorum.txt',
  'prevote.txt',
  'prevote_checkquorum.txt',
  'probe_and_replicate.txt',
  'replicate_pause.txt',
  'single_node.txt',
] as const
