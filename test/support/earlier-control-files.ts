import { crc32c } from '@node-rs/crc32';

/** One value as it lies in a control file. */
type Piece = Uint8Array;

const u32 = (value: number): Piece => Buffer.from(new Uint32Array([value]).buffer);
const u64 = (value: bigint): Piece => Buffer.from(new BigUint64Array([value]).buffer);
const raw = (hexDigits: string): Piece => Buffer.from(hexDigits, 'hex');
const text = (value: string): Piece => Buffer.concat([u64(BigInt(value.length)), Buffer.from(value, 'ascii')]);

/** What the files say unless a test wants something else. */
export const EARLIER = {
  tenant: 'cf0480929707ee75372337efaa5ecf96',
  timeline: '112ded66422aa5e953e5440fa5427ac4',
  uuid: 'c47a42a50f44e553e9a52a4266ed2d11',
  term: 42n,
  epoch: 41n,
  history: [
    { term: 40n, lsn: 0x1000000n },
    { term: 41n, lsn: 0x1500000n },
  ],
  pgVersion: 140004,
  systemId: 0xfedc_ba98_7654_3210n,
  walSegmentSize: 0x1000000,
  timelineStart: 0x16b5a50n,
  localStart: 0x16b5a58n,
  commit: 0x2345678n,
  /** `s3_wal_lsn` of version 4. */
  backup: 0x2000000n,
  /** `truncate_lsn` up to version 3. */
  peerHorizon: 0x2222220n,
  remoteConsistent: 0x2111110n,
  /** Up to version 3. */
  walStart: 0x16b5a60n,
  partialName: '000000010000000000000002_41_0000000002345678_0000000002345678_sk1.partial',
};

export type EarlierValues = typeof EARLIER;

/**
 * The control file of an earlier version, magic and checksum included, put together value by value from the documented
 * layouts and not with the program's own writer. There is one remembered peer wherever there is room for peers.
 */
export function earlierControlFile(version: number, changes: Partial<EarlierValues> = {}): Buffer {
  const values: EarlierValues = { ...EARLIER, ...changes };
  const body = [u32(0xcafeceef), u32(version), ...pieces(version, values)];
  const checked = Buffer.concat(body);
  return Buffer.concat([checked, u32(crc32c(checked))]);
}

function pieces(version: number, v: EarlierValues): Piece[] {
  const history = [u64(BigInt(v.history.length)), ...v.history.flatMap(({ term, lsn }) => [u64(term), u64(lsn)])];
  const head = [text(v.tenant), text(v.timeline), u64(v.term), ...history];
  const server = [u32(v.pgVersion), u64(v.systemId), u32(v.walSegmentSize)];
  const peers = [u64(1n), u64(7n), u64(v.backup), u64(v.term), u64(v.commit), u64(v.commit)];
  const partial = [u64(1n), u32(1), text(v.partialName), u64(v.commit), u64(v.commit), u64(v.epoch)];
  const tail = [u64(v.commit), u64(v.peerHorizon), u64(v.walStart)];
  const positions = [v.timelineStart, v.localStart, v.commit, v.backup, v.peerHorizon, v.remoteConsistent].map(u64);
  const rawServer = [u32(v.pgVersion), u64(v.systemId), raw(v.tenant), raw(v.timeline), u32(v.walSegmentSize)];
  const textServer = [u32(v.pgVersion), u64(v.systemId), text(v.tenant), text(v.timeline), u32(v.walSegmentSize)];
  switch (version) {
    case 1:
      return [u64(v.term), u64(v.epoch), ...rawServer, raw(v.uuid), ...tail];
    case 2:
      return [u64(v.term), ...history, ...rawServer, raw(v.uuid), ...tail];
    case 3:
      return [u64(v.term), ...history, ...textServer, text(v.uuid), ...tail];
    case 4:
      return [
        ...head,
        ...server,
        text(v.uuid),
        u64(v.commit),
        u64(v.backup),
        u64(v.peerHorizon),
        u64(v.remoteConsistent),
        ...peers,
      ];
    case 5:
    case 6:
    case 7:
      return [...head, ...server, text(v.uuid), ...positions, ...peers];
    case 8:
      return [...head, ...server, text(v.uuid), ...positions, ...peers, ...partial];
    default:
      return [];
  }
}
