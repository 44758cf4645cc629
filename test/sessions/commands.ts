/**
 * Each command at the moment of the loss: sessions that do nothing but one kind of command each, the owner of their account
 * killed at a drawn instant, and then what each OK, NO and end of a connection promised held against what is there
 * (docs/imap-relay.md, "When an owner is lost").
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { signal, until } from '../support/lab.ts';
import type { Prng } from '../support/prng.ts';
import type { Bed, Owner } from './bed.ts';
import { type CommandsFigures, KINDS, type Kind, Player } from './player.ts';

/** After the loss commands go on for so long: those that are repeated are answered by the next owner. */
const AFTER_MS = 700;
const BEFORE_MS_MAX = 120;
const READY_MS = 90_000;

export interface CommandsOptions {
  readonly bed: Bed;
  readonly random: Prng;
  /** For each kind. */
  readonly tries: number;
  readonly kinds?: readonly Kind[];
  /** Sessions of each kind, 1 when left out: a loss hits more of them at the moment between commit and answer. */
  readonly each?: number;
  readonly onTry?: (figures: CommandsFigures, what: string) => void;
}

/** Each session has an account of its own, so the bed must have as many as there are kinds, times `each`. */
export async function checkCommands(options: CommandsOptions): Promise<CommandsFigures> {
  const { bed, random, tries, onTry, kinds = KINDS, each = 1 } = options;
  const figures: CommandsFigures = {
    kinds: new Map(
      kinds.map((kind) => [kind, { tries: 0, commands: 0, ok: 0, no: 0, ended: 0, cut: 0, longestMs: 0 }]),
    ),
    complaints: [],
    refused: new Map(),
  };
  const players: Player[] = [];
  try {
    for (let index = 0; index < kinds.length * each; index++) {
      const kind = kinds[index % kinds.length]!;
      players.push(await Player.open(bed, kind, index, random.fork(kind), figures));
    }
    // Whoever has been hit least decides whom the next loss hits; it hits all others of that owner too.
    for (;;) {
      const next = players.toSorted((a, b) => a.figures.tries - b.figures.tries)[0]!;
      if (next.figures.tries >= tries || figures.complaints.length > 0) return figures;
      const owner = await bed.ownerOf(next.account);
      const hit: Player[] = [];
      for (const player of players)
        if ((await bed.ownerOf(player.account)).pid === owner.pid) hit.push(player);
      await strike(bed, players, owner, random.below(BEFORE_MS_MAX));
      for (const player of hit) player.figures.tries++;
      await Promise.all(players.map((player) => player.check()));
      const kindsHit = [...new Set(hit.map(({ kind }) => kind))].join(', ');
      onTry?.(figures, `${owner.member}, which had ${hit.length} of ${players.length} sessions: ${kindsHit}`);
    }
  } finally {
    for (const player of players) player.close();
  }
}

/** Everybody plays; the owner is killed after so long; they play on for a while. */
async function strike(bed: Bed, players: readonly Player[], owner: Owner, afterMs: number): Promise<void> {
  let isOver = false;
  const playing = Promise.all(players.map((player) => player.play(() => isOver)));
  try {
    await sleep(afterMs);
    signal(owner.pid, 'SIGKILL');
    await until(async () => {
      const status = await bed.lab.status(owner.member).catch(() => undefined); // being written
      return status?.state === 'ready' && !status.workers.includes(owner.pid);
    }, READY_MS);
    await sleep(AFTER_MS);
  } finally {
    isOver = true;
    await playing;
  }
}
