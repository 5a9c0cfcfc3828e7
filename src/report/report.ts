/** What a report says, apart from how it looks. */
import type { Image } from '../formats/index.js';
import type { Estimate } from './estimate.js';

/** One prompt with one seed, before and after. */
export interface Comparison {
  /** Short, such as "a red apple". */
  readonly label: string;
  readonly prompt: string;
  readonly before: Image;
  readonly after: Image;
  /** How the picture set draws it. */
  readonly truth?: Image | undefined;
}

/** Comparisons of one kind. */
export interface Block {
  readonly title: string;
  readonly note: string;
  readonly comparisons: readonly Comparison[];
}

/** The loss on one set of pictures. */
export interface LossComparison {
  readonly set: string;
  readonly pictures: number;
  readonly before: Estimate;
  readonly after: Estimate;
  /** After − before, picture by picture. */
  readonly change: Estimate;
}

export interface CurvePoint {
  readonly step: number;
  readonly loss: number;
}

/** A line of a table. */
export type Fact = readonly [name: string, value: string];

export interface Report {
  readonly title: string;
  /** What was done and what came out, in a few sentences. */
  readonly lead: string;
  readonly blocks: readonly Block[];
  readonly losses: readonly LossComparison[];
  /** How the losses were measured. */
  readonly lossNote: string;
  /** The training loss of each step. */
  readonly curve: readonly CurvePoint[];
  readonly facts: readonly Fact[];
  readonly settings: readonly Fact[];
  /** Commands to go on with. */
  readonly commands: readonly { readonly note: string; readonly command: string }[];
}
