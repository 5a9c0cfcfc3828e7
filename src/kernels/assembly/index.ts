/** What the module offers: `serve` for the threads, `open` and `join` for the one that gives them jobs, and `adamw`. */
import { dots } from './dots';
import { phasePlanes, spreadRows, transpose } from './pack';
import { awaitEnd, awaitJob, claim, finish, kernel, post } from './threads';

export { adamw } from './adamw';

/** Numbers of the kernels. `STOP` ends `serve`. */
const STOP: i32 = 0;
const SPREAD_ROWS: i32 = 1;
const PHASE_PLANES: i32 = 2;
const TRANSPOSE: i32 = 3;

/** Works until told to stop; `scratch` is the address of memory for this thread alone. */
export function serve(scratch: usize): void {
  let generation = 0;
  for (;;) {
    generation = awaitJob(generation);
    if (kernel() === STOP) return;
    work(scratch);
  }
}

/** Opens a job whose kernel and parameters are stored. */
export function open(items: i32): void {
  post(items);
}

/** Shares in the open job and returns when it is done. */
export function join(scratch: usize): void {
  work(scratch);
  awaitEnd();
}

function work(scratch: usize): void {
  for (let item = claim(); item >= 0; item = claim()) {
    perform(item, scratch);
    finish();
  }
}

function perform(item: i32, scratch: usize): void {
  const number = kernel();
  if (number === SPREAD_ROWS) spreadRows(item);
  else if (number === PHASE_PLANES) phasePlanes(item);
  else if (number === TRANSPOSE) transpose(item);
  else dots(item, scratch);
}
