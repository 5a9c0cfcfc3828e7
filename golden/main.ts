/** `npm run golden -- <folder>`: computes every golden case under a folder and compares each quantity with its tolerance. */
import { runGolden, type Tally } from './run.js';

/** Exit status: 0 where everything passes, 1 where something fails, 2 where the command is used wrongly. */
async function main(args: readonly string[]): Promise<number> {
  const [folder] = args;
  const usage = 'usage: npm run golden -- <folder>';
  if (folder === undefined || args.length !== 1 || folder.startsWith('-')) {
    console.error(usage);
    return 2;
  }
  let tally: Tally;
  try {
    tally = await runGolden(folder, (line) => console.log(line));
  } catch (error) {
    console.error(`cannot read ${folder} (${(error as Error).message}); ${usage}`);
    return 2;
  }
  const { passed, failed, skipped } = tally;
  console.log(`${passed} passed, ${failed} failed, ${skipped} cases skipped`);
  if (passed + failed + skipped > 0) return failed > 0 ? 1 : 0;
  console.error(`there is no case.json under ${folder}; ${usage}`);
  return 2;
}

process.exitCode = await main(process.argv.slice(2));
