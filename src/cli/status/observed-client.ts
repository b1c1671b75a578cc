import type { AccessSource } from '../../kube/kube-access.ts';
import { KubeClient, type Selection } from '../../kube/kube-client.ts';
import type { KubeList, KubeObject, ResourceType } from '../../kube/object.ts';
import type { Runtime } from '../../kube/runtime.ts';

/** Told how each list and each start of a watch ended; `undefined` for well. */
export type AnswerObserver = (error: unknown) => void;

/** A client that somebody watches who shows whether the API server answers. */
export class ObservedKubeClient extends KubeClient {
  private readonly onAnswer: AnswerObserver;

  constructor(access: AccessSource, runtime: Runtime, onAnswer: AnswerObserver) {
    super(access, runtime);
    this.onAnswer = onAnswer;
  }

  override list<T extends KubeObject>(
    type: ResourceType<T>,
    selection: Selection,
    continueToken: string | undefined,
    signal: AbortSignal,
  ): Promise<KubeList<T>> {
    return this.observed(super.list(type, selection, continueToken, signal));
  }

  override watch(...options: Parameters<KubeClient['watch']>): ReturnType<KubeClient['watch']> {
    return this.observed(super.watch(...options));
  }

  private async observed<T>(answer: Promise<T>): Promise<T> {
    try {
      const value = await answer;
      this.onAnswer(undefined);
      return value;
    } catch (error) {
      this.onAnswer(error);
      throw error;
    }
  }
}
