"""Working memory, memory bank and their fusion with the token stream."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .config import Config
from .layers import linear, merge_heads, split_heads


class State:
    """What a stream carries from segment to segment, for B lanes.

    working [B, W, 2d]: right-aligned inputs and states of tokens (states alone, [B, W, d], without a working
    memory); count [B]: how many are valid;
    bank [B, N, d] where written [B]; segments [B]: segments since the reset.
    """

    def __init__(self, config: Config, lanes: int, device, dtype):
        self.width, self.keeps_inputs = config.d_model, config.memory_parts != "bank"
        shape = (lanes, config.max_segment_len, config.d_model * (2 if self.keeps_inputs else 1))
        self.working = torch.zeros(shape, device=device, dtype=dtype)
        self.count = torch.zeros(lanes, dtype=torch.long, device=device)
        self.bank = torch.zeros(lanes, config.memory_size, config.d_model, device=device, dtype=dtype)
        self.written = torch.zeros(lanes, dtype=torch.bool, device=device)
        self.segments = torch.zeros(lanes, dtype=torch.long, device=device)

    def reset(self, lanes: Tensor) -> None:
        """Empties the lanes where `lanes` [B] bool is true."""
        self.working.masked_fill_(lanes.view(-1, 1, 1), 0)
        self.bank.masked_fill_(lanes.view(-1, 1, 1), 0)
        self.count.masked_fill_(lanes, 0)
        self.written.masked_fill_(lanes, False)
        self.segments.masked_fill_(lanes, 0)

    def push(self, inputs: Tensor, states: Tensor, lengths: Tensor | None) -> None:
        """Keeps the last W tokens of old and new: inputs and states [B, T, d], valid up to lengths [B]."""
        size = self.working.shape[1]
        rows = torch.cat((inputs, states), dim=2) if self.keeps_inputs else states
        rows = rows.detach().to(self.working.dtype)
        if lengths is None:
            if rows.shape[1] >= size:
                self.working = rows[:, -size:].clone()
            else:
                self.working = torch.cat((self.working[:, rows.shape[1] :], rows), dim=1)
            self.count = (self.count + rows.shape[1]).clamp(max=size)
            self.segments += 1
            return
        joined = torch.cat((self.working, rows), dim=1)
        index = torch.arange(size, device=rows.device) + lengths.unsqueeze(1)  # [B, W]
        self.working = joined.gather(1, index.unsqueeze(-1).expand(-1, -1, joined.shape[2]))
        self.count = (self.count + lengths).clamp(max=size)
        self.segments += lengths > 0

    def inputs(self) -> Tensor:
        """[B, W, d] of the tokens kept."""
        return self.working[:, :, : self.width]

    def states(self) -> Tensor:
        """[B, W, d] of the tokens kept."""
        return self.working[:, :, -self.width :]

    def valid(self) -> Tensor:
        """[B, W] bool: which places of working hold a state."""
        size = self.working.shape[1]
        return torch.arange(size, device=self.count.device) >= size - self.count.unsqueeze(1)


class WorkingMemory(nn.Module):
    """Looks up where a token's context stood before and reads what came next there.

    Queries and keys are one map of normalised inputs; the value of a token is made of its successor's state and input.
    A null entry makes an empty memory read exactly 0.
    """

    def __init__(self, d_model: int, heads: int):
        super().__init__()
        self.heads = heads
        self.state_norm = nn.LayerNorm(d_model)
        self.query, self.value, self.out = linear(d_model, d_model), linear(2 * d_model, d_model), linear(d_model, d_model)

    def keys_values(self, state: State, norm: nn.Module, dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Keys and values [B, H, W, h] (null and W-1 tokens with a successor) and the mask [B, 1, 1, W]."""
        inputs = norm(state.inputs().to(dtype))
        following = torch.cat((self.state_norm(state.states().to(dtype))[:, 1:], inputs[:, 1:]), dim=2)
        k, v = split_heads(self.query(inputs[:, :-1]), self.heads), split_heads(self.value(following), self.heads)
        return F.pad(k, (0, 0, 1, 0)), F.pad(v, (0, 0, 1, 0)), F.pad(state.valid()[:, :-1], (1, 0), value=True)[:, None, None]

    def forward(self, n: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        """n [B, T, d] -> [B, T, d]; every position sees every valid entry."""
        q = split_heads(self.query(n), self.heads)
        attended = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=q.shape[-1] ** -0.5)
        return self.out(merge_heads(attended))


class MemoryBank(nn.Module):
    """Learned slots read by content; written, gated and by content, from the working memory."""

    def __init__(self, d_model: int, slots: int, write_len: int):
        super().__init__()
        self.write_len = write_len
        self.slots = nn.Parameter(torch.randn(slots, d_model))
        self.query = linear(d_model, d_model)
        self.state_norm = nn.LayerNorm(d_model)
        self.write_query, self.write_key, self.write_value = (linear(d_model, d_model) for _ in range(3))
        self.gate = nn.Linear(2 * d_model, 1)

    def due(self, state: State, every: int) -> Tensor:
        """[B] bool: the lanes that write at the start of the coming segment."""
        return (state.segments > 0) & (state.segments % every == 0) & (state.count > 0)

    def write(self, state: State, due: Tensor, dtype) -> Tensor:
        """The bank [B, N, d] that the segment reads: M' where due, else as it was; updates the state."""
        slots = self.slots.to(dtype).expand(len(due), -1, -1)
        written = state.written.view(-1, 1, 1)
        before = torch.where(written, state.bank.to(dtype), slots.detach())
        s = self.state_norm(state.states()[:, -self.write_len :].to(dtype))
        update = F.scaled_dot_product_attention(
            self.write_query(before).unsqueeze(1),
            self.write_key(s).unsqueeze(1),
            self.write_value(s).unsqueeze(1),
            # A lane without states attends to anything; its result is not used.
            attn_mask=(state.valid()[:, -self.write_len :] | ~due.unsqueeze(1))[:, None, None],
            scale=s.shape[-1] ** -0.5,
        ).squeeze(1)
        with torch.autocast(before.device.type, enabled=False):
            update = update.to(before.dtype)
            g = F.linear(torch.cat((before, update), dim=-1), self.gate.weight, self.gate.bias).sigmoid()
            after = (1 - g) * before + g * update
        state.bank = torch.where(due.view(-1, 1, 1), after.detach(), state.bank)
        state.written = state.written | due
        # Lanes that never wrote read the parameter, so that it keeps a gradient.
        bank = torch.where(due.view(-1, 1, 1), after, before)
        return torch.where(state.written.view(-1, 1, 1), bank, slots)

    def forward(self, n: Tensor, bank: Tensor) -> Tensor:
        """softmax(query(n) M^T / sqrt(d)) M: n [B, T, d], bank [B or 1, N, d]."""
        bank = bank.expand(len(n), -1, -1).to(n.dtype).unsqueeze(1)
        q = self.query(n).unsqueeze(1)
        return F.scaled_dot_product_attention(q, bank.to(q.dtype), bank.to(q.dtype), scale=q.shape[-1] ** -0.5).squeeze(1)


class Fusion(nn.Module):
    """LN(output(GELU(input([n; what each part read]))))."""

    def __init__(self, d_model: int, parts: int):
        super().__init__()
        self.input, self.output = linear((1 + parts) * d_model, d_model), linear(d_model, d_model)
        self.norm = nn.LayerNorm(d_model)

    def forward(self, n: Tensor, *read: Tensor) -> Tensor:
        """n and each part's [B, T, d] -> [B, T, d]."""
        return self.norm(self.output(F.gelu(self.input(torch.cat((n, *read), dim=-1)))))


class Memory(nn.Module):
    """What the residual stream is given before the first block; memory_parts may leave one of two parts out."""

    def __init__(self, config: Config):
        super().__init__()
        self.every = config.memory_update_freq
        self.norm = nn.LayerNorm(config.d_model)
        self.working = self.bank = None
        if config.memory_parts != "bank":
            self.working = WorkingMemory(config.d_model, config.n_heads)
        if config.memory_parts != "working":
            since_last = config.memory_update_freq * config.max_seq_len
            self.bank = MemoryBank(config.d_model, config.memory_size, min(config.max_segment_len, since_last))
        self.fusion = Fusion(config.d_model, 2 if config.memory_parts == "both" else 1)

    def begin(self, state: State, dtype) -> tuple:
        """Writes where it is due and computes what the whole segment reads."""
        states = None if self.working is None else self.working.keys_values(state, self.norm, dtype)
        return states, None if self.bank is None else self._begin_bank(state, dtype)

    def _begin_bank(self, state: State, dtype) -> Tensor:
        due = self.bank.due(state, self.every)
        if bool(due.any()):
            return self.bank.write(state, due, dtype)
        if bool(state.written.any()):
            return torch.where(state.written.view(-1, 1, 1), state.bank.to(dtype), self.bank.slots.to(dtype))
        return self.bank.slots.to(dtype).unsqueeze(0)

    def forward(self, x: Tensor, read: tuple) -> Tensor:
        """x [B, T, d]; read is what begin gave."""
        (states, bank), n, parts = read, self.norm(x), []
        if self.working is not None:
            parts.append(self.working(n, *states))
        if self.bank is not None:
            parts.append(self.bank(n, bank))
        return self.fusion(n, *parts)
