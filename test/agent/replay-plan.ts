import { rm } from 'node:fs/promises';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generation } from '../../src/domain/membership.ts';
import { lsn } from '../../src/domain/lsn.ts';
import { term } from '../../src/domain/term.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { placeTimeline, type PlacedTimeline, TENANT } from './test-agent.ts';

/** A recorded case, `group/name`, or something done to the data directory of the agent at hand in between. */
export type Step = string | { readonly between: (dataDirectory: string) => Promise<void> };

/** Agents by safekeeper id with what they hold at the start, and the cases one after another. */
export interface Scenario {
  readonly name: string;
  readonly agents: Readonly<Record<number, readonly PlacedTimeline[]>>;
  /** The agent that everything is asked of. */
  readonly asked: number;
  readonly brokenDirectories?: boolean;
  /** Keys of what the agents have in their common remote storage. */
  readonly remoteObjects?: readonly string[];
  readonly steps: readonly Step[];
}

const OTHER_TENANT = '2'.repeat(32);

function b(digits: string): string {
  return `b${digits.padStart(31, '0')}`;
}

function resident(digits: string, change?: PlacedTimeline['change']): PlacedTimeline {
  return { snapshot: 'resident_partial', timelineId: b(digits), ...(change === undefined ? {} : { change }) };
}

function withTerm(value: bigint): PlacedTimeline['change'] {
  return (controlFile: ControlFile) => ({ ...controlFile, term: term(value) });
}

function uploadedName(owner: number): string {
  return `000000010000000000000048_1_0000000004800030_0000000004800030_sk${owner}.partial`;
}

/** With a partial segment in remote storage that is `owner`'s. */
function withUploadedOf(owner: number): (controlFile: ControlFile) => ControlFile {
  const position = lsn(0x4800030n);
  const segment = { status: 'Uploaded', commitLsn: position, flushLsn: position, term: term(1n) } as const;
  return (controlFile) => ({ ...controlFile, partialBackup: [{ ...segment, name: uploadedName(owner) }] });
}

function offloaded(digits: string, owner: number): PlacedTimeline {
  return { snapshot: 'offloaded', timelineId: `d${digits.padStart(31, '0')}`, change: withUploadedOf(owner) };
}

const atGeneration7: PlacedTimeline['change'] = (controlFile) => ({
  ...controlFile,
  membership: { ...controlFile.membership, generation: generation(7) },
});

/** What donors 1 and 2 both hold. */
const PULLED: readonly PlacedTimeline[] = [
  ...['1', '2', '3', '4', '5', '6', '7', '8'].map((digits) => resident(digits)),
  resident('9', atGeneration7),
  { snapshot: 'uninitialized', timelineId: b('32') },
  { snapshot: 'gen0_v9', timelineId: b('33') },
  { snapshot: 'compute_created_greeting_only' },
];
const DELETED: readonly PlacedTimeline[] = [
  ...['b', 'c', 'e'].map((digits) => resident(digits)),
  { snapshot: 'resident_partial', tenantId: OTHER_TENANT, timelineId: b('3c') },
];
const BROKEN: readonly PlacedTimeline[] = ['f', '10', '12', '13'].map((digits) => resident(digits));

/** As the recordings had them: never loaded, but in the way. */
export async function placeBrokenDirectories(dataDirectory: string): Promise<void> {
  for (const digits of ['f', '12']) await placeTimeline(dataDirectory, resident(digits));
  const controlFile = (digits: string) => join(dataDirectory, TENANT, b(digits), 'safekeeper.control');
  writeFileSync(controlFile('f'), Buffer.alloc(362, 0xff));
  writeFileSync(controlFile('12'), Buffer.alloc(100));
  for (const digits of ['10', '13']) mkdirSync(join(dataDirectory, TENANT, b(digits)), { recursive: true });
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'an empty node',
    agents: { 1: [] },
    asked: 1,
    steps: [
      'node/status',
      'node/status_trailing_slash',
      'node/head_status',
      'node/root',
      'node/unknown_route',
      'node/wrong_method',
      'node/request_id_given',
      'node/timeline_list_empty',
      'node/utilization_empty',
      'pull/pull_get',
    ],
  },
  {
    name: 'creation',
    agents: { 1: [] },
    asked: 1,
    steps: [
      'create/create_ok',
      'create/create_again_same',
      'create/create_again_other_values',
      'create/create_uninit',
      'create/create_gen0',
      'create/create_not_member',
      'create/create_extra_field',
      'create/create_joint_mconf',
      'create/create_bad_id',
      'create/create_bad_json',
      'create/create_bad_lsn',
      'create/create_commit_below_start',
      'create/create_empty_body',
      'create/create_lsn_number',
      'create/create_missing_field',
      'create/create_pg0',
      'create/create_seg0',
      'create/create_zero_id',
      'status/timeline_list',
      'status/utilization',
      'status/status_uninitialized',
    ],
  },
  {
    name: 'statuses and refused snapshots',
    agents: {
      1: [
        { snapshot: 'resident_partial' },
        { snapshot: 'gen0_v9' },
        { snapshot: 'compute_created_greeting_only' },
        { snapshot: 'offloaded' },
      ],
    },
    asked: 1,
    steps: [
      'status/status_resident',
      'status/status_uppercase',
      'status/status_get_with_body',
      'status/status_gen0',
      'status/status_greeting_only',
      'status/status_offloaded',
      'status/status_33_digits',
      'status/status_bad_tenant',
      'status/status_bad_timeline',
      'status/status_unknown_tenant',
      'status/status_unknown_timeline',
      'status/checkpoint',
      'misc/checkpoint_unknown',
      'snapshot/snapshot_bad_destination',
      'snapshot/snapshot_bad_timeline',
      'snapshot/snapshot_huge_destination',
      'snapshot/snapshot_negative_destination',
      'snapshot/snapshot_no_destination',
      'snapshot/snapshot_unknown_timeline',
      'snapshot/snapshot_wrong_method',
      'debug_dump/debug_dump_bad_bool',
      'debug_dump/debug_dump_bad_id',
      'debug_dump/debug_dump_unknown_param',
    ],
  },
  {
    name: 'term bumps',
    agents: { 1: [resident('1')] },
    asked: 1,
    steps: [
      'term_bump/term_bump_null',
      'term_bump/term_bump_empty_object',
      'term_bump/term_bump_to_10',
      'term_bump/term_bump_lower',
      'term_bump/term_bump_equal',
      'term_bump/term_bump_bad',
      'term_bump/term_bump_bad_id',
      'term_bump/term_bump_negative',
      'term_bump/term_bump_no_body',
      'term_bump/term_bump_unknown',
      'status/status_after_term_bump',
    ],
  },
  {
    name: 'the term of an offloaded timeline',
    agents: { 3: [{ snapshot: 'offloaded', timelineId: `d${'4'.padStart(31, '0')}` }] },
    asked: 3,
    steps: ['term_bump/term_bump_offloaded'],
  },
  {
    name: 'a deletion of every member',
    agents: { 2: [resident('4')] },
    asked: 2,
    steps: ['delete/delete_global'],
  },
  {
    name: 'pulls',
    agents: { 1: PULLED, 2: PULLED, 4: [] },
    asked: 4,
    steps: [
      'pull/pull_ok_two_donors',
      'pull/pull_existing',
      'pull/pull_existing_dead_hosts',
      'pull/pull_existing_empty_hosts',
      'pull/pull_existing_mconf_lower_gen',
      'pull/pull_existing_mconf_without_me',
      'pull/pull_existing_mconf_higher_gen',
      'pull/pull_ok_one_donor',
      'pull/pull_one_of_two_down',
      'pull/pull_all_down',
      'pull/pull_two_of_three_down',
      'pull/pull_one_of_two_lacks_it',
      'pull/pull_no_scheme',
      'pull/pull_trailing_slash',
      'pull/pull_dup_hosts',
      'pull/pull_self_only',
      'pull/pull_mconf_ok',
      'pull/pull_mconf_without_me',
      'pull/pull_without_mconf_not_member',
      'pull/pull_donor_higher_generation',
      'pull/pull_donor_higher_generation_no_mconf',
      'pull/pull_unknown_everywhere_one',
      'pull/pull_unknown_everywhere_two',
      'pull/pull_bad_tenant',
      'pull/pull_empty_body',
      'pull/pull_hosts_not_list',
      'pull/pull_missing_hosts',
      'pull/pull_short_timeline',
      'pull/pull_uninitialized',
      'pull/pull_gen0',
      'pull/pull_greeting_only',
    ],
  },
  {
    name: 'deletions, exclusions and pulls after them',
    agents: { 1: DELETED, 2: DELETED, 4: [] },
    asked: 4,
    steps: [
      'pull/pull_before_delete',
      'delete/delete_local',
      'status/status_deleted',
      'snapshot/snapshot_deleted',
      'create/create_deleted',
      'pull/pull_deleted',
      'pull/pull_deleted_mconf',
      'delete/delete_again',
      'delete/delete_bad_id',
      'delete/delete_with_body',
      'delete/delete_unknown',
      'pull/pull_after_delete_of_unknown',
      'pull/pull_other_tenant',
      'delete/tenant_delete',
      'pull/pull_deleted_tenant',
      'delete/tenant_delete_unknown',
      'pull/pull_before_exclude',
      'membership/exclude_but_member',
      'membership/exclude_older_generation',
      'membership/exclude_ok',
      'membership/exclude_again',
      'pull/pull_excluded_no_mconf',
      'pull/pull_excluded_same_generation',
      'pull/pull_excluded_higher_generation',
      'membership/membership_not_member',
      'membership/membership_ok',
      'membership/membership_same',
      'membership/membership_older',
      'membership/membership_unknown',
    ],
  },
  {
    name: 'directories that could not be loaded',
    agents: { 1: BROKEN, 2: BROKEN, 4: [] },
    asked: 4,
    brokenDirectories: true,
    steps: [
      'status/status_dir_corrupt_control_file',
      'status/status_dir_missing_control_file',
      'status/status_dir_truncated_control_file',
      'create/create_dir_corrupt_control_file',
      'pull/pull_dir_corrupt_control_file',
      'pull/pull_dir_missing_control_file',
      'pull/pull_dir_truncated_control_file',
      'pull/pull_empty_dir',
      'delete/delete_dir_corrupt_control_file',
      'pull/pull_after_delete_of_broken_dir',
      { between: (dataDirectory) => rm(join(dataDirectory, TENANT, b('10')), { recursive: true }) },
      'pull/pull_after_manual_removal',
    ],
  },
  {
    name: 'the longest WAL wins',
    agents: {
      1: [resident('28')],
      2: [{ snapshot: 'resident_14_segments', timelineId: b('28') }],
      3: [{ snapshot: 'full_segments_no_partial', timelineId: b('28') }],
      4: [],
    },
    asked: 4,
    steps: ['pull/pull_most_advanced_flush'],
  },
  {
    name: 'of equal logs the higher term wins',
    agents: { 1: [resident('a', withTerm(5n))], 2: [resident('a')], 3: [resident('a')], 4: [] },
    asked: 4,
    steps: ['pull/pull_higher_voted_term_ties'],
  },
  {
    name: 'a pull of an offloaded timeline',
    agents: { 1: [offloaded('1', 1)], 2: [offloaded('1', 2)], 4: [] },
    asked: 4,
    remoteObjects: [1, 2].map((owner) => `${TENANT}/d${'1'.padStart(31, '0')}/${uploadedName(owner)}`),
    steps: ['pull/pull_offloaded'],
  },
  {
    name: 'snapshots of which a part is missing in remote storage',
    agents: { 1: [offloaded('3', 1), resident('69', withUploadedOf(1))] },
    asked: 1,
    steps: ['snapshot/snapshot_offloaded_object_missing', 'snapshot/snapshot_uploaded_object_missing'],
  },
  {
    name: 'a snapshot of a directory that was copied by hand',
    agents: { 2: [resident('69', withUploadedOf(1))] },
    asked: 2,
    remoteObjects: [`${TENANT}/${b('69')}/${uploadedName(1)}`],
    steps: ['snapshot/snapshot_partial_of_other_node'],
  },
];

/** Donors of equal standing: safekeepers take the last host of the list, rule R2 the lowest id. */
export const TIES: ReadonlySet<string> = new Set([
  'pull/pull_ok_two_donors',
  'pull/pull_mconf_ok',
  'pull/pull_without_mconf_not_member',
  'pull/pull_donor_higher_generation_no_mconf',
  'pull/pull_offloaded',
]);

const NOT_SERVED = 'a route that recovery does not need; the agent does not have it';
const IS_RACE = 'what is answered depends on timing; snapshot.test.ts and pull.test.ts make such races happen one way';
const DUMPED = 'compared field by field in debug-dump.test.ts';
const CONNECTIONS = 'a compute, pageserver or broker is connected there; nothing connects to an agent';

/** Every recorded case that no scenario replays, and why. */
export const NOT_REPLAYED: Readonly<Record<string, string>> = {
  'node/failpoints_bad': NOT_SERVED,
  'node/filesystem_usage': 'its values are those of the machine; agent.test.ts checks their form',
  'node/metrics_head_of_body': NOT_SERVED,
  'create/create_pg13': 'the safekeeper crashed; the agent refuses with 500 and leaves nothing',
  'status/digest_before_start': NOT_SERVED,
  'status/digest_beyond_end': NOT_SERVED,
  'status/digest_missing_param': NOT_SERVED,
  'status/digest_offloaded_brings_back': NOT_SERVED,
  'status/digest_ok': NOT_SERVED,
  'status/digest_removed_wal': NOT_SERVED,
  'status/digest_unknown': NOT_SERVED,
  'status/list_during_pull': IS_RACE,
  'status/status_after_broker_silence': CONNECTIONS,
  'status/status_creation_in_progress': IS_RACE,
  'status/status_during_pull': IS_RACE,
  'status/status_right_after_push': 'an earlier moment of status_resident',
  'status/status_with_pageserver': CONNECTIONS,
  'status/status_with_streaming_walreceiver': CONNECTIONS,
  'status/status_with_voting_walreceiver': CONNECTIONS,
  'term_bump/term_bump_during_snapshot': IS_RACE,
  'snapshot/snapshot_term_changed': IS_RACE,
  'snapshot/snapshot_while_another_runs': IS_RACE,
  'delete/delete_during_pull': IS_RACE,
  'pull/pull_after_busy': IS_RACE,
  'pull/pull_after_one_more_record': 'an agent takes no WAL, so there is no more record',
  'pull/pull_after_wal_switch': 'works here; pull.test.ts pulls such a timeline',
  'pull/pull_bad_json': 'safekeepers take a list for an object by position; the agent refuses the list itself',
  'pull/pull_concurrent_duplicate_0': IS_RACE,
  'pull/pull_concurrent_duplicate_1': IS_RACE,
  'pull/pull_concurrent_duplicate_2': IS_RACE,
  'pull/pull_concurrent_duplicate_3': IS_RACE,
  'pull/pull_concurrent_duplicate_4': IS_RACE,
  'pull/pull_concurrent_duplicate_5': IS_RACE,
  'pull/pull_concurrent_one_donor_0': IS_RACE,
  'pull/pull_concurrent_one_donor_1': IS_RACE,
  'pull/pull_concurrent_one_donor_2': IS_RACE,
  'pull/pull_concurrent_one_donor_3': IS_RACE,
  'pull/pull_creation_in_progress': IS_RACE,
  'pull/pull_deleted_after_restart': 'tombstones outlive a restart here',
  'pull/pull_deleted_in_the_middle': IS_RACE,
  'pull/pull_deleted_tenant_after_restart': 'tombstones outlive a restart here',
  'pull/pull_donor_busy_two_hosts': IS_RACE,
  'pull/pull_donor_busy_with_other_snapshot': IS_RACE,
  'pull/pull_donor_killed': IS_RACE,
  'pull/pull_empty_hosts': 'the number of required answers had underflowed; the agent requires one',
  'pull/pull_flush_lsn_at_segment_boundary': 'works here; pull.test.ts pulls such a timeline',
  'pull/pull_higher_epoch_beats_longer_wal': 'decided by rule R2, whose order has its own tests',
  'pull/pull_retry_after_donor_killed': IS_RACE,
  'debug_dump/debug_dump_all_one': DUMPED,
  'debug_dump/debug_dump_control_file': DUMPED,
  'debug_dump/debug_dump_default': DUMPED,
  'debug_dump/debug_dump_disk': DUMPED,
  'debug_dump/debug_dump_memory': DUMPED,
  'debug_dump/debug_dump_memory_with_walsender': CONNECTIONS,
  'debug_dump/debug_dump_no_history': DUMPED,
  'debug_dump/debug_dump_offloaded': DUMPED,
  'debug_dump/debug_dump_unknown_timeline': DUMPED,
  'misc/backup_partial_reset': NOT_SERVED,
  'misc/backup_partial_reset_offloaded': NOT_SERVED,
  'misc/backup_partial_reset_unknown': NOT_SERVED,
  'misc/copy_bad_lsn': NOT_SERVED,
  'misc/record_safekeeper_info': NOT_SERVED,
  'control_file/patch_bad_value': NOT_SERVED,
  'control_file/patch_not_in_updates': NOT_SERVED,
  'control_file/patch_ok': NOT_SERVED,
  'control_file/patch_unknown_field': NOT_SERVED,
};
