/** A training run from start to end, or from where it stopped: open, encode, select, loop, finish. */
import { basename, join, resolve } from 'node:path';
import { InputError } from '../errors.js';
import { exists, type Image, writePng } from '../formats/index.js';
import { LEARNED_TOKEN, saveEmbeddings } from '../interop/index.js';
import {
  checkWeights,
  type EncoderParts,
  Encoders,
  type ModelFiles,
  modelConfigs,
  openModel,
  pictureSides,
  readEncoders,
  readUNet,
  StableDiffusion,
  saveStableDiffusion,
  unetParameterShapes,
  vaeScaleFactor,
} from '../models/index.js';
import { countParameters, type Network } from '../nn/index.js';
import { AdamWSara, createOptimizer, type Optimizer } from '../peft/index.js';
import { checkpointTensors, expectOrigin, restoreCheckpoint } from './checkpoint.js';
import { classPictures, drawClassPictures, openClassPictures } from './class-pictures.js';
import type { TrainConfig } from './config.js';
import { Course } from './course.js';
import { ImageFolder, type Sample } from './data/image-folder.js';
import { withPrior } from './data/prior.js';
import { dataDigest, networkDigest } from './digest.js';
import { MovingAverage } from './ema.js';
import { Encodings } from './encodings.js';
import { keyFilter } from './key-filter.js';
import {
  captionsOf,
  expectOneTextEncoder,
  expectTokenIn,
  expectTokenSettings,
  learnedTokenOf,
  learnsToken,
  withNewToken,
} from './learned-token.js';
import { estimateRun, type RunEstimate } from './memory/run-estimate.js';
import { expectMethodSettings, methodOptions, resultSettings } from './method-settings.js';
import { readPrompts } from './prompts.js';
import { RunFolder } from './run-folder.js';
import { DivergenceError } from './stepper.js';
import { Trainer, type TrainerOptions } from './trainer.js';

export type RunEvent =
  | { type: 'note'; text: string }
  | { type: 'memory'; estimate: RunEstimate }
  | { type: 'searching'; steps: number; images: number }
  | { type: 'selected'; trained: number; total: number; threshold: number | undefined; learningRate: number }
  | { type: 'class picture'; done: number; total: number }
  | { type: 'encoded'; done: number; total: number }
  | { type: 'resumed'; step: number; path: string }
  | {
      type: 'step';
      step: number;
      steps: number;
      loss: number;
      gradientNorm: number;
      learningRate: number;
      images: number;
      seconds: number;
    }
  | { type: 'sampled'; step: number; path: string }
  | { type: 'saved'; step: number; path: string };

export interface SampleRequest {
  prompts: readonly string[];
  size: number;
  steps: number;
  guidance: number;
  seed: number;
}

/** What a run asks of its surroundings. */
export interface RunHooks {
  onEvent?(event: RunEvent): void;
  /** Asked after every step: true ends the run with a checkpoint. */
  stopRequested?(): boolean;
  /** Draws the prompts on one sheet; without it there are no samples. */
  sample?(sd: StableDiffusion, request: SampleRequest): Promise<Image>;
}

export interface RunResult {
  status: 'finished' | 'finished before' | 'stopped';
  /** Steps done. */
  step: number;
  /** All that belong to the run. */
  steps: number;
  folder: string;
  /** The adapter or the model folder; none where the run was stopped. */
  result: string | undefined;
}

/**
 * Trains as the configuration says, in its run folder; called again with the same configuration, it goes on from the
 * last checkpoint to the same weights as without the interruption. Throws InputError on bad input, DivergenceError on a
 * loss that is not finite.
 */
export async function trainRun(config: TrainConfig, hooks: RunHooks = {}): Promise<RunResult> {
  expectMethodSettings(config);
  expectTokenSettings(config);
  const emit = (event: RunEvent) => hooks.onEvent?.(event);
  const stopRequested = () => hooks.stopRequested?.() ?? false;
  const path = config.out ?? join('runs', basename(resolve(config.data)));
  const folder = await RunFolder.open(path, config);
  const resultPath = folder.file(resultName(config));
  const course = new Course(config);
  const ended = (status: RunResult['status'], step: number): RunResult => {
    const result = status === 'stopped' ? undefined : resultPath;
    return { status, step, steps: course.steps, folder: path, result };
  };
  let files: ModelFiles | undefined;
  let encodings: Encodings | undefined;
  let trainer: Trainer | undefined;
  try {
    if (!config.overwrite && (await isFinished(config, resultPath)))
      return ended('finished before', course.steps);

    // Open.
    const model = await openModel(config.model, { predictionType: config.predictionType });
    files = model;
    for (const text of model.conclusions) emit({ type: 'note', text });
    const { size, data } = await openData(config, model);
    emit({ type: 'note', text: data.describe() });
    const prompts = [
      ...config.samplePrompt,
      ...(config.samplePrompts ? await readPrompts(config.samplePrompts) : []),
    ];
    const wanted = await classPictures(config);
    const draws = { draws: prompts.length > 0, drawsFirst: (wanted?.missing ?? 0) > 0 };
    emit({ type: 'memory', estimate: await estimateRun(config, model, { size, ...draws }) });
    const drawn =
      !wanted ||
      (await drawClassPictures(
        wanted,
        config,
        { model, size },
        {
          onPicture: (done, total) => emit({ type: 'class picture', done, total }),
          stopRequested,
        },
      ));
    if (!drawn) return ended('stopped', 0);
    const ofClass = wanted && (await openClassPictures(wanted, config, size));
    const dataOrigin = dataDigest(data, ofClass);
    const begun = config.overwrite ? undefined : await folder.lastCheckpoint(() => {});
    if (begun) expectOrigin(begun, { data: dataOrigin });
    const from = begun?.step ?? 0;

    // Encode, before the UNet takes its memory.
    const runtime = { device: config.device, threads: config.threads };
    const load = (sample: Sample) => data.load(sample);
    const samplesOf = (ofRun: number) => {
      const { step, images } = course.at(ofRun);
      const samples = data.samplesAt(step, images, config.seed);
      if (!ofClass) return samples;
      return withPrior(samples, ofClass.samplesAt(step, images, config.seed), config.priorWeight);
    };
    const ahead = config.crop === 'centre';
    let encoders: EncoderParts | undefined = await readEncoders(model);
    const textEncoders = learnsToken(config) ? withNewToken(encoders.textEncoders, config) : undefined;
    encodings = new Encodings(new Encoders(encoders, runtime), {
      folder: config.cache,
      rememberPictures: ahead,
    });
    if (ahead) {
      const texts = !textEncoders;
      const samples = distinct(samplesOf, [from, course.steps], texts);
      const complete = await encodeAhead(encodings, samples, load, {
        texts,
        onPicture: (done, count) => emit({ type: 'encoded', done, total: count }),
        stopRequested,
      });
      if (!complete) return ended('stopped', from);
      await encodings.release();
      encoders = undefined;
    }

    // Select.
    const unet = await readUNet(model, config.weightDtype);
    const trainedNetwork: Network = textEncoders ? textEncoders[0]!.network : unet;
    const networks = [...new Set([unet, trainedNetwork])];
    const origin = { model: networks.map((network) => networkDigest(network)).join(' '), data: dataOrigin };
    const optimizer = optimizerOf(trainedNetwork, config);
    const threshold = optimizer instanceof AdamWSara ? optimizer.threshold : undefined;
    const total = countParameters(trainedNetwork.parameters);
    const tell = () => {
      const { trainedCount: trained, learningRate } = optimizer;
      const { searchSteps: steps } = course;
      if (optimizer.step < steps) emit({ type: 'searching', steps, images: course.at(0).images });
      else emit({ type: 'selected', trained, total, threshold, learningRate });
    };
    const average =
      config.ema === 'off' ? undefined : new MovingAverage(trainedNetworks(optimizer), config.ema);
    const { scheduler: schedulerConfig } = model;
    const parts = { unet, textEncoders, encodings, schedulerConfig, vaeConfig: modelConfigs(model).vae };
    trainer = new Trainer(parts, optimizer, { ...runtime, ...trainerOptions(config, course) });
    /** With encoders that are read again where they have left memory. */
    const whole = async () => {
      const around = encoders ?? (await readEncoders(model));
      const learned = { textEncoders: textEncoders ?? around.textEncoders };
      return new StableDiffusion({ ...around, ...learned, unet, schedulerConfig }, runtime);
    };

    // Go on.
    await folder.claim();
    const last = await folder.lastCheckpoint((text) => emit({ type: 'note', text }));
    if (last) {
      restoreCheckpoint(last, origin, optimizer, average);
      emit({ type: 'resumed', step: last.step, path: last.path });
    }
    tell();
    await folder.rewind(optimizer.step);

    // Loop.
    const save = async () => {
      const saved = await folder.save(optimizer.step, checkpointTensors(optimizer, average), origin);
      emit({ type: 'saved', step: optimizer.step, path: saved });
    };
    const draw = async () => {
      if (prompts.length === 0 || !hooks.sample) return;
      const { sampleSteps: steps, sampleGuidance: guidance, seed } = config;
      const sd = await whole();
      average?.exchange();
      const sheet = await hooks.sample(sd, { prompts, size, steps, guidance, seed });
      average?.exchange();
      await sd.dispose();
      const file = folder.samplePath(optimizer.step);
      await writePng(file, sheet);
      emit({ type: 'sampled', step: optimizer.step, path: file });
    };
    if (optimizer.step === 0) await draw();
    while (optimizer.step < course.steps) {
      const { images } = course.at(optimizer.step);
      const started = performance.now();
      const report = await trainer.stepOn(samplesOf(optimizer.step), load);
      const searching = optimizer.step <= course.searchSteps;
      if (!searching) average?.update();
      const seconds = (performance.now() - started) / 1000;
      const { step, loss, gradientNorm, learningRate, losses } = report;
      await folder.log({ step, loss, ...losses, gradientNorm, learningRate, seconds });
      emit({ type: 'step', step, steps: course.steps, loss, gradientNorm, learningRate, images, seconds });
      if (step === course.searchSteps) tell();
      const final = step === course.steps;
      const stopping = !final && stopRequested();
      if (final || (!searching && step % config.sampleEvery === 0)) await draw();
      if (final || stopping || step % config.checkpointEvery === 0) await save();
      if (stopping) return ended('stopped', step);
    }

    // Finish.
    average?.exchange();
    if (savesModel(config)) {
      await saveStableDiffusion(resultPath, await whole());
    } else if (textEncoders) {
      await saveEmbeddings(folder.path, learnedTokenOf(textEncoders, config));
    } else {
      await optimizer.save(resultPath, {
        model: basename(resolve(config.model)),
        prefix: config.prefix,
        settings: resultSettings(config),
      });
    }
    return ended('finished', course.steps);
  } catch (error) {
    if (error instanceof DivergenceError) {
      const last = await folder.lastCheckpoint(() => {});
      if (last) emit({ type: 'note', text: `the last good checkpoint is ${last.path}` });
    }
    throw error;
  } finally {
    await trainer?.dispose();
    await encodings?.release();
    await files?.close();
    await folder.close();
  }
}

function isFinished(config: TrainConfig, resultPath: string): Promise<boolean> {
  return exists(savesModel(config) ? join(resultPath, 'model_index.json') : resultPath);
}

/** The pictures, in the size they train in; what can be told of the model without its weights is checked before. */
async function openData(
  config: TrainConfig,
  model: ModelFiles,
): Promise<{ size: number; data: ImageFolder }> {
  const configs = modelConfigs(model);
  if (learnsToken(config)) expectOneTextEncoder(config, configs);
  const { json, weights } = model.networks.get('unet')!;
  checkWeights('unet', json, weights);
  keyFilter(config.trainOnly, unetParameterShapes(configs.unet).keys());
  const size = config.size ?? pictureSides(configs)[0];
  const factor = vaeScaleFactor(configs.vae);
  if (size % factor !== 0) {
    throw new InputError(`size: expected a multiple of ${factor} pixels, got ${size}; change --size`);
  }
  const data = await ImageFolder.open(config.data, { ...config, captions: captionsOf(config), size });
  if (learnsToken(config)) expectTokenIn(data, config);
  return { size, data };
}

function trainerOptions(config: TrainConfig, course: Course): TrainerOptions {
  const { maxGradientNorm, minSnrGamma } = config;
  return {
    seed: config.seed,
    accumulate: config.accumulate,
    schedule: course.schedule,
    maxGradientNorm: maxGradientNorm === 'off' ? null : maxGradientNorm,
    minSnrGamma: minSnrGamma === 'off' ? undefined : minSnrGamma,
    checkpoint: config.gradientCheckpointing,
  };
}

/** The method's optimizer, given those of the settings that the method has. */
function optimizerOf(network: Network, config: TrainConfig): Optimizer {
  const { method, learningRate, weightDecay } = config;
  return createOptimizer(method, network, {
    learningRate,
    weightDecay,
    parameters: keyFilter(config.trainOnly, network.parameters.keys()),
    keepBase: !savesModel(config),
    ...methodOptions(config),
  });
}

/** The networks whose weights train: the model's own, or what a method adds to one. */
function trainedNetworks({ tensors }: Optimizer): Network[] {
  return [...new Set(tensors.map(({ network }) => network))];
}

/** What the run ends with, in its folder. */
function resultName(config: TrainConfig): string {
  if (learnsToken(config)) return LEARNED_TOKEN;
  return savesModel(config) ? 'model' : 'adapter.safetensors';
}

/** Whether the run ends with a whole model rather than an adapter. */
function savesModel({ method }: TrainConfig): boolean {
  return method === 'full';
}

/** The different pictures of some steps, with each of their captions where `texts` counts. */
function distinct(
  samplesOf: (step: number) => Sample[],
  [from, to]: readonly [number, number],
  texts: boolean,
): Sample[] {
  const found = new Map<string, Sample>();
  for (let step = from; step < to; step++) {
    for (const sample of samplesOf(step))
      found.set(texts ? `${sample.pixelKey} ${sample.caption}` : sample.pixelKey, sample);
  }
  return [...found.values()];
}

/** Encodes everything before the first step; false where it was asked to stop. */
async function encodeAhead(
  encodings: Encodings,
  samples: readonly Sample[],
  load: (sample: Sample) => Promise<Float32Array>,
  on: {
    /** Whether captions are encoded too. */
    texts: boolean;
    onPicture: (done: number, total: number) => void;
    stopRequested: () => boolean;
  },
): Promise<boolean> {
  for (const [i, sample] of samples.entries()) {
    if (on.stopRequested()) return false;
    await encodings.moments(sample.pixelKey, () => load(sample));
    if (on.texts) await encodings.textStates(sample.caption);
    on.onPicture(i + 1, samples.length);
  }
  return true;
}
