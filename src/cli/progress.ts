/** Progress of long work: a bar in a terminal, a line now and then elsewhere, nothing where a program reads. */
import { SingleBar } from 'cli-progress';
import { duration } from './text.js';

const SECONDS_BETWEEN_LINES = 10;

export interface Progress {
  /** `details` such as "loss 0.12". */
  update(done: number, total: number, details?: string): void;
  /** A line of its own above the bar. */
  say(line: string): void;
  /** Ends the bar. */
  stop(): void;
}

/** Progress on standard error; silent but for `say` where `quiet`. */
export function showProgress(what: string, { quiet = false }: { quiet?: boolean } = {}): Progress {
  const clock = new Clock();
  if (quiet) return { update: () => {}, say: print, stop: () => {} };
  return process.stderr.isTTY ? bar(what, clock) : lines(what, clock);
}

const print = (line: string): void => void process.stderr.write(`${line}\n`);

/** Time left, from the pace since the first update. */
class Clock {
  private start: { done: number; at: number } | undefined;

  left(done: number, total: number): string {
    const now = performance.now();
    if (!this.start || done < this.start.done) this.start = { done, at: now };
    const fresh = done - this.start.done;
    if (fresh === 0) return '';
    return `${duration(((now - this.start.at) / 1000 / fresh) * (total - done))} left`;
  }
}

function joined(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(', ');
}

function bar(what: string, clock: Clock): Progress {
  const shown = new SingleBar({
    format: `${what} [{bar}] {value}/{total} {details}`,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    stopOnComplete: false,
  });
  let running = false;
  const stop = () => {
    if (running) shown.stop();
    running = false;
  };
  return {
    update(done, total, details = '') {
      const payload = { details: joined(details, clock.left(done, total)) };
      if (!running) shown.start(total, done, payload);
      else shown.update(done, payload);
      running = true;
    },
    say(line) {
      stop();
      print(line);
    },
    stop,
  };
}

function lines(what: string, clock: Clock): Progress {
  let last = Number.NEGATIVE_INFINITY;
  return {
    update(done, total, details = '') {
      const left = clock.left(done, total);
      const now = performance.now();
      if (done < total && now - last < 1000 * SECONDS_BETWEEN_LINES) return;
      last = now;
      print(joined(`${what} ${done}/${total}`, details, left));
    },
    say: print,
    stop: () => {},
  };
}
