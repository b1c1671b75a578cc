import { describeError, Failure } from '../../base/failure.ts';
import { limits } from '../../base/limits.ts';
import { readSmallFile } from '../../disk/durable.ts';
import type { FileSystem } from '../../disk/file-system.ts';
import { parseTenantId, parseTimelineId, type TenantTimelineId } from '../../domain/ids.ts';

/** Lines `<tenant id>/<timeline id>`; what follows a `#` is a remark. Throws a Failure `TimelinesFileInvalid` that names the line. */
export async function readTimelinesFile(files: FileSystem, path: string): Promise<TenantTimelineId[]> {
  const lines = (await readText(files, path)).split('\n').map((line) => line.replace(/#.*/, '').trim());
  return lines.flatMap((line, index) => {
    if (line === '') return [];
    const [tenant = '', timeline = '', ...more] = line.split('/');
    const tenantId = parseTenantId(tenant);
    const timelineId = parseTimelineId(timeline);
    if (tenantId !== undefined && timelineId !== undefined && more.length === 0) return [{ tenantId, timelineId }];
    throw invalid(`${path}:${index + 1}: must be <tenant id>/<timeline id>, of 32 hex digits each`);
  });
}

async function readText(files: FileSystem, path: string): Promise<string> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readSmallFile(files, path, limits.timelineListBytesMax);
  } catch (cause) {
    throw invalid(`${path} cannot be read: ${describeError(cause)}`);
  }
  if (bytes === undefined) throw invalid(`${path} does not exist`);
  return Buffer.from(bytes).toString('utf8');
}

function invalid(message: string): Failure {
  return new Failure('TimelinesFileInvalid', message, { retry: 'never' });
}
