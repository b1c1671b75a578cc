import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { findUploadedSegment, offloadProblem, parseUploadedSegmentName } from '../safekeeper/uploaded-segment.ts';
import type { TimelineFinding } from './finding.ts';

/** What is wrong with a control file that could be read, for the place where it is and for itself. */
export function judgeControlFile(
  controlFile: ControlFile,
  id: TenantTimelineId,
  safekeeperId: SafekeeperId | undefined,
): TimelineFinding[] {
  const findings: TimelineFinding[] = [];
  if (formatTenantTimelineId(controlFile) !== formatTenantTimelineId(id)) {
    const { tenantId, timelineId } = controlFile;
    findings.push({ kind: 'IdsDiffer', stated: { tenantId, timelineId } });
  }
  const problem = termHistoryProblem(controlFile);
  if (problem !== undefined) findings.push({ kind: 'TermHistoryInvalid', problem });
  const offload = offloadProblem(controlFile);
  if (offload?.kind === 'NoUpload') findings.push({ kind: 'UploadMissing' });
  if (offload?.kind === 'UploadTooShort' && controlFile.eviction.kind === 'Offloaded') {
    const { name, flushLsn } = offload.uploaded;
    findings.push({ kind: 'UploadTooShort', name, flushLsn, offloadedLsn: controlFile.eviction.flushLsn });
  }
  const uploaded = findUploadedSegment(controlFile);
  if (uploaded !== undefined && safekeeperId !== undefined) {
    const owner = parseUploadedSegmentName(uploaded.name)?.owner;
    if (owner !== safekeeperId) findings.push({ kind: 'UploadOfOther', name: uploaded.name, safekeeperId });
  }
  return findings;
}

/** Terms and the LSNs that they begin at only go up, and nobody writes in a term that he has not voted in. */
function termHistoryProblem({ term, termHistory }: ControlFile): string | undefined {
  for (const [index, entry] of termHistory.entries()) {
    const before = termHistory[index - 1];
    if (before !== undefined && entry.term <= before.term) return `term ${entry.term} follows term ${before.term}`;
    if (before !== undefined && entry.lsn < before.lsn) {
      return `term ${entry.term} begins at ${formatLsn(entry.lsn)}, before term ${before.term} at ${formatLsn(before.lsn)}`;
    }
  }
  const last = termHistory.at(-1);
  return last !== undefined && last.term > term ? `it goes up to term ${last.term}, the term is ${term}` : undefined;
}
