/** The steps of a run: those in which its method finds out what to train, if it does so, and then those that train it. */
import { METHODS } from '../peft/index.js';
import type { TrainConfig } from './config.js';
import { constantSchedule, cosineSchedule } from './schedule.js';

/** Both parts show the pictures from the first on, with a schedule of their own. */
export class Course {
  /** Steps of the search; none where the weights alone tell what trains. */
  readonly searchSteps: number;
  /** All steps. */
  readonly steps: number;
  private readonly searchImages: number;
  private readonly images: number;

  constructor(private readonly config: TrainConfig) {
    const { search } = METHODS[config.method].cost;
    this.searchSteps = search ? (config.searchSteps ?? search.steps ?? config.steps) : 0;
    this.steps = this.searchSteps + config.steps;
    this.images = config.batch * config.accumulate;
    this.searchImages = search?.samples ?? this.images;
  }

  /** How often a step shows pictures, counted from 0 in its part of the run, and how many. */
  at(step: number): { step: number; images: number } {
    return step < this.searchSteps
      ? { step, images: this.searchImages }
      : { step: step - this.searchSteps, images: this.images };
  }

  /** The factor on the learning rate at each step. */
  readonly schedule = (step: number): number => {
    const searching = step < this.searchSteps;
    return this.scheduleOf(searching ? this.searchSteps : this.config.steps)(this.at(step).step);
  };

  private scheduleOf(steps: number): (step: number) => number {
    const { schedule, warmup } = this.config;
    return schedule === 'cosine' ? cosineSchedule(steps, warmup) : constantSchedule(warmup);
  }
}
