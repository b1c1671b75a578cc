import { Argument } from 'commander';

/** Which objects an argument may name; `proposed` and `forced` are timelines with such a proposal. */
export type CompletedNames = 'any' | 'proposed' | 'forced';

/** An argument that names an object, so that a shell can complete it. */
export class NameArgument extends Argument {
  readonly completes: CompletedNames;

  constructor(name: string, description: string, completes: CompletedNames) {
    super(name, description);
    this.completes = completes;
  }
}
