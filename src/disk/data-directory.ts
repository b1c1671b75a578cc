/** The names of what lies in a safekeeper's data directory beside the directories of tenants. */

/** The safekeeper's id: decimal digits, nothing else. */
export const SAFEKEEPER_ID_FILE_NAME = 'safekeeper.id';
/** An unsigned 64-bit number has 20 digits at most; what is longer than this is none. */
export const SAFEKEEPER_ID_BYTES_MAX = 32;
/** What was deleted here; a safekeeper ignores names that are not ids. */
export const TOMBSTONE_FILE_NAME = 'safekeeper-operator.tombstones';
/** Timelines that are being pulled or created. */
export const TEMP_DIRECTORY_NAME = 'tmp';
/** How the names of the directories in it end. */
export const TEMP_SUFFIX = '_temptli';
/** Timelines that were moved out of the way. */
export const QUARANTINE_DIRECTORY_NAME = 'quarantine';
/** There as long as a restore of the data directory has not come to its end. */
export const UNFINISHED_FILE_NAME = 'safekeeper-operator.restore-unfinished';
