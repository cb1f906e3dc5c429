import type { KubeObject } from "../objects";

/** What an object's state says: ready, still on the way, or never to be ready. */
export type Verdict = { ready: true } | { ready: false; seen: string; failed?: boolean };

/** What a judge may know beside the object itself. */
export interface Surroundings {
  /** Objects that belong to it: pods, endpoints, a storage class. */
  related: KubeObject[];
  /** Seconds since `related` changed last. */
  quietSeconds: number;
  /** False on creation. */
  updating: boolean;
}

/** Judges an object by what it and its surroundings look like; pure. */
export type Judge = (object: KubeObject, around: Surroundings) => Verdict;

export const ready: Verdict = { ready: true };
export const waiting = (seen: string): Verdict => ({ ready: false, seen });
export const failed = (seen: string): Verdict => ({ ready: false, seen, failed: true });

/** Whether the controller has seen the newest spec; before that its status is about an older one. */
export const isObserved = (object: KubeObject): boolean => {
  const status = object.status as { observedGeneration?: number } | undefined;
  return (status?.observedGeneration ?? 0) >= (object.metadata.generation ?? 0);
};

export const notObserved = waiting("its controller has not looked at it yet");
