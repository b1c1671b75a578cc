import { type Finding, type MoreFindings, severityOf } from './finding.ts';

/** Findings in the order they came, of which the first `countMax` are kept and the others counted, by severity. */
export class Findings<Kind extends Finding> {
  private readonly countMax: number;
  private readonly kept: Kind[] = [];
  private hiddenCount = 0;
  private hiddenProblemCount = 0;

  constructor(countMax: number) {
    this.countMax = countMax;
  }

  add(...findings: readonly Kind[]): void {
    for (const finding of findings) {
      if (this.kept.length < this.countMax) this.kept.push(finding);
      else {
        this.hiddenCount++;
        if (severityOf(finding) === 'Problem') this.hiddenProblemCount++;
      }
    }
  }

  /** Ends with how many more there were. */
  list(): Array<Kind | MoreFindings> {
    if (this.hiddenCount === 0) return this.kept;
    return [...this.kept, { kind: 'MoreFindings', count: this.hiddenCount, problemCount: this.hiddenProblemCount }];
  }
}
