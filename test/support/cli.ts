/** The command line as its users run it: a process with output and an exit code. */
import { type ChildProcess, spawn } from 'node:child_process';

export interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** Starts `sara`; `onLine` gets each line of standard output, and may end the process. */
export function sara(
  args: readonly string[],
  onLine: (line: string, process: ChildProcess) => void = () => {},
): Promise<Outcome> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...args]);
  let stdout = '';
  let stderr = '';
  let rest = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) onLine(line, child);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}
