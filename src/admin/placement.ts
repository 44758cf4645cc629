/** The command that moves a slot to another member (docs/cluster.md, "Placement"). */
import { failureCode } from '../lib/failure.ts';
import { SLOTS, type Slot } from '../store/ids.ts';
import type { Command } from './command.ts';
import { keyed, word } from './grammar.ts';
import { Refusal } from './types.ts';

export const PLACEMENT_COMMANDS = {
  'CLUSTER MOVESLOT': {
    parts: [word('slot'), keyed('TO', 'member')],
    right: 'Master',
    help: 'move the accounts of a slot to a member, where they stay until members come or go, or their load is too much',
    run: async ({ admin, args }) => {
      const slot = readSlot(args.text('slot'));
      try {
        await admin.moveSlot(slot, args.text('member'));
      } catch (error) {
        // No such member is no such account, as codes of the CLI go.
        if (failureCode(error) !== 'not-found') throw error;
        throw new Refusal('invalid', (error as Error).message, { cause: error });
      }
      return undefined;
    },
  },
} as const satisfies Record<string, Command>;

function readSlot(text: string): Slot {
  const slot = /^\d{1,4}$/.test(text) ? Number(text) : SLOTS;
  if (slot >= SLOTS) throw new Refusal('invalid', `a slot is a number from 0 to ${SLOTS - 1}`);
  return slot as Slot;
}
