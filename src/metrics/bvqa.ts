/** B-VQA of T2I-CompBench: whether a picture shows each thing of its prompt, asked of BLIP one noun chunk at a time. */
import type { Image } from '../formats/index.js';
import { BLIP_ANSWERING, blipQuestionStates } from '../models/index.js';
import type { RuntimeOptions } from '../runtime/index.js';
import type { Tensor } from '../tensor/index.js';
import { type Blip, type BlipFolder, idsTensor, loadBlip } from './blip.js';
import { nounChunks } from './noun-chunks.js';

/** Chunks that are asked about, and those that T2I-CompBench takes away before it counts. */
const MOST_QUESTIONS = 8;
const NOT_ASKED: readonly string[] = ['top', 'the side', 'the left', 'the right'];
/** Tokens of a question. */
const LONGEST_QUESTION = 35;

/** The questions about noun chunks: "chunk?", lower-cased, without . ! " ( ) * # : ; ~, at most eight. */
export function bvqaQuestions(chunks: readonly string[]): string[] {
  return chunks
    .filter((chunk) => !NOT_ASKED.includes(chunk))
    .slice(0, MOST_QUESTIONS)
    .map((chunk) =>
      `${chunk}?`
        .toLowerCase()
        .replace(/[.!"()*#:;~]/g, '')
        .trimEnd(),
    );
}

export interface BvqaAnswer {
  readonly question: string;
  /** P(yes) / (P(yes) + P(no)) */
  readonly yes: number;
}

export class BvqaScorer {
  private constructor(private readonly folder: BlipFolder) {}

  /** Reads a folder such as Salesforce/blip-vqa-capfilt-large. Throws InputError where it is incomplete. */
  static async load(folder: string, runtime?: RuntimeOptions): Promise<BvqaScorer> {
    return new BvqaScorer(await loadBlip(folder, BLIP_ANSWERING, runtime));
  }

  /** The answers about a picture and the noun chunks of its prompt; its score is their `product`. */
  async answers(image: Image, prompt: string): Promise<BvqaAnswer[]> {
    const { blip, tokenizer, pixels } = this.folder;
    const states = await blip.imageStates(pixels(image));
    const words = { yes: tokenizer.idOf('yes'), no: tokenizer.idOf('no') };
    const answers: BvqaAnswer[] = [];
    for (const question of bvqaQuestions(nounChunks(prompt).map(({ text }) => text))) {
      const [, ...rest] = tokenizer.encode(question, LONGEST_QUESTION);
      const ids = [encodeTokenId(blip), ...rest];
      answers.push({ question, yes: shareOfYes(await answerLogits(blip, ids, states), words) });
    }
    return answers;
  }

  dispose(): Promise<void> {
    return this.folder.blip.sessions.dispose();
  }
}

/** [ENC], which stands in the place of a question's [CLS]: BLIP adds it to BERT's vocabulary right after the begin token. */
const encodeTokenId = (blip: Blip): number => blip.config.text_config.bos_token_id + 1;

/**
 * Logits [vocabulary] of the first token of the answer to a question's ids, about a picture's states [1, S, D]. Here questions
 * are asked one by one and have no padding. Tokens from the `visible`-th on are padding, which other tokens of the
 * question do not see and the answer does: transformers 5.18 loses the mask of its decoder on the way to cross-attention
 * (modeling_blip_text.py, BlipTextAttention.forward), so what it answers to a padded batch depends on the padding.
 */
export async function answerLogits(
  blip: Blip,
  ids: readonly number[],
  image: Tensor<'float32'>,
  visible = ids.length,
): Promise<Float32Array> {
  const inputs = { ids: idsTensor(ids), image };
  const found = await blip.sessions.run(blip.network, `question ${visible}`, inputs, (scope, values) => ({
    states: blipQuestionStates(scope, blip.config, values.ids, values.image, visible),
  }));
  return blip.nextLogits([blip.config.text_config.bos_token_id], found.get('states')!, 0);
}

/** P(yes) / (P(yes) + P(no)) of logits [vocabulary]. */
export function shareOfYes(logits: Float32Array, { yes, no }: { yes: number; no: number }): number {
  return 1 / (1 + Math.exp(logits[no]! - logits[yes]!));
}

/** A picture's score: the product of its answers; things beyond the last question count as seen. */
export function product(values: readonly number[]): number {
  return values.reduce((all, value) => all * value, 1);
}

/** T2I-CompBench's rounding, of each answer and of each score: to four decimals. */
export function roundedScore(values: readonly number[]): number {
  return round(product(values.map(round)));
}

const round = (value: number): number => Math.round(value * 1e4) / 1e4;
