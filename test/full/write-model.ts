/** Writes a model with random weights: `tsx test/full/write-model.ts <folder> <configurations as JSON>` */
import { type ModelConfigs, writeRandomModel } from '../../bench/random-model.js';

const [folder, configs] = process.argv.slice(2) as [string, string];
await writeRandomModel(folder, JSON.parse(configs) as ModelConfigs, 'float16');
