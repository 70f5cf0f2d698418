"""What stored decisions have in common, by version: it is kept here, not in each of them. A version is never changed.

Standard library only.
"""

from __future__ import annotations

_FEATURES = (
    *(f"return_{hours}" for hours in (1, 2, 3, 6, 12, 24, 48, 96, 168, 336)),
    *("log_volatility_24", "log_volatility_168"),
    *("volatility_ratio_6_24", "volatility_ratio_24_168", "volatility_ratio_168_720", "volatility_rank"),
    *("range_surprise", "adx", "directional_lead", "rsi", "mfi", "stochastic", "bollinger_position"),
    *("bollinger_width", "macd", "macd_histogram"),
    *(f"ema_distance_{candles}" for candles in (12, 26, 50, 70)),
    *("sma_distance_168", "volume_surprise", "volume_ratio_24_168", "obv_slope_24", "obv_slope_168"),
    *(f"channel_position_{candles}" for candles in (20, 55, 168, 720)),
    *("efficiency_24", "efficiency_168", "variance_ratio"),
    *(f"regime_{regime}" for regime in ("trending_up", "trending_down", "ranging", "volatile", "quiet")),
    *("regime_strength", "regime_age"),
    *(f"regime_before_{regime}" for regime in ("trending_up", "trending_down", "ranging", "volatile", "quiet")),
    *("hour_sin", "hour_cos", "weekday_sin", "weekday_cos", "reference_known", "reference_return_24"),
    *("reference_return_168", "reference_volatility_ratio", "reference_beta", "reference_correlation"),
    *("relative_strength_24", "relative_strength_168", "sentiment_known", "sentiment", "sentiment_change_168"),
)
_DECIDED = ("id", "account", "exchange", "market", "symbol", "timeframe", "candle_at_ms", "decided_at_ms")
_CONCLUDED = ("conditions", "selection", "signal", "signals", "strategy_errors")
_OUTCOME = ("action", "checks", "denied", "order")
_BOOKED = ("quantity", "entry_price", "cost", "fees", "realized", "stop", "target", "strategy", "decision_id")

KEYS: tuple[tuple[str, ...], ...] = (
    (*_DECIDED, *_CONCLUDED, *_OUTCOME),
    (*_DECIDED, *_CONCLUDED, "basis", *_OUTCOME),
    (*_DECIDED, *_CONCLUDED, "basis", *_OUTCOME, "provenance"),
    (
        *("symbol", "timeframe", "candle_at_ms", "price", "regime", "regime_strength", "candles_in_regime", "adx"),
        *("rsi", "atr", "volatility", "volatility_ratio", "volume_ratio", "external_signals", "features"),
    ),
    _FEATURES,
    (
        *("decided_by", "group", "strategy", "group_confidence", "strategy_confidence", "groups", "strategies"),
        *("note", "rule_choice", "model"),
    ),
    ("group", "confidence", "reason", "expected_edge_bps"),
    ("strategy", "group", "score", "regime_fit", "recent_return_bps", "confidence"),
    ("feature", "value", "effect_bps"),
    ("model_id", "state", "trained_on", "probabilities", "novelty", "novelty_limit", "contributions"),
    ("kind", "timeframe"),
    ("trend_following", "mean_reversion", "momentum", "market_making", "sentiment_based", "none"),
    (
        *("symbol", "signal_type", "strength", "confidence", "price", "stop", "target", "strategy", "group"),
        "reason",
    ),
    ("count", "joined", "joined_from", "left_out"),
    ("code", "passed", "actual", "limit", "unit", "detail"),
    ("code", "detail", "checks"),
    (
        *("client_order_id", "account", "symbol", "side", "type", "purpose", "quantity", "price", "reference_price"),
        *("created_at_ms", "expires_at_ms", "strategy", "reason", "decision_id", "stop", "target", "trigger_price"),
        *("status", "filled", "exchange_order_id", "updated_at_ms", "detail"),
    ),
    ("version", "config_hash", "window_hash", "account"),
    (
        *("currency", "free", "equity", "day_start_equity", "peak_equity", "start_equity", "own_cash", "exposure"),
        *("position", "open_orders"),
    ),
    ("account", "symbol", *_BOOKED, "opened_at_ms", "entry_quantity", "entry_value", "exit_value"),
    ("client_order_id", "symbol", "side", "purpose", "status", "quantity", "filled"),
)
"""The keys of the objects in version 1 of a decision, in order."""
_FRAGMENTS = (
    *("live:coinbase", "paper:coinbase", "live:kraken", "paper:kraken", "real", "abstaining", "shadow", "live"),
    *("replay", "a learned model decides", " needed); votes of the last 4 candles: ", " needed) with "),
    *(" groups for a buy and ", " for a sell (2 needed)", "none; Fear & Greed ", "losses in a row: ", " stands +"),
    *(" and of ", "BALANCE_INSUFFICIENT", "STOP_NOT_BELOW_PRICE", "score -", "VALUE_BELOW_MINIMUM", " stands -"),
    *("trades", " candles +", "AMOUNT_BELOW_MINIMUM", "POSITION_MISSING", " the limit is 5 in all"),
    *("OPEN_POSITIONS_REACHED", "denied", " % from the last close ", "positions in other symbols: 0"),
    *(" % of equity is invested", " beyond)", " needed including the fee", "); close +", "return of "),
    *(" % from the highest equity", "score +", " candles since the stop-loss", "close +", " reaches the required "),
    *("last pivot lows ", " ATR from the high and -", " BTC held; the limit is one position per symbol"),
    *(" candles -", " candles ago; last pivot highs ", "); close -", " per day", "false", " (RSI "),
    *("open entry orders of the symbol: 0", " correlation -", "close -", " whose slope is +", " ATR after +"),
    *(" MACD line +", " (oversold)", " whose slope is -", " correlation ", " volume ", " MACD line -"),
    *(" ATR after -", " which must be above zero and below the price ", " (turn: ±", " which moved +"),
    *(" (buys between -3 and 1)", " the market's minimum is ", " (overbought)", "MACD histogram -"),
    *(" which moved -", " (grid of ±4", "5 of 6 agree on a fall (5 needed): EMA order", " ATR from the high and +"),
    *(" ATR from SMA ", "entries today: 0", "spread to the reference +", "MACD histogram +"),
    *(" standard deviations from SMA ", " (fear up to ", " greed from "),
    *("5 of 6 agree on a rise (5 needed): EMA order", " % apart); ADX ", " from the low of the ", " overbought "),
    *(" lines from SMA ", " price beyond its mean; ADX ", " (band ±", "trending_up", " ATR from EMA "),
    *(" channel; ADX ", " the limit is ", "hold", "none", "spread to the reference -", " %) from EMA "),
    *("trending_down", " times the usual (above 1 needed)", " between ", " candles before (breakout: "),
    *("; Fear & Greed ", " RSI beyond ", "TRADES_PER_DAY_REACHED", " (quotes at ±1)", "RSI ", "grid"),
    *("6 of 6 agree on a fall (5 needed): EMA order", " standard deviations (mean beyond ±1 needed)"),
    *("confidence ", "macd", " price beyond its mean", " half spreads (of ", " MACD above zero", "true", "rules"),
    *("6 of 6 agree on a rise (5 needed): EMA order", " candles; volatility ", " ADX ", " directional movement"),
    *(" over 8 candles (oversold ", " 1 upper band); volatility ", " over 3 candles (0 lower band"),
    *(" standard deviations (beyond ±2 needed)", "volume ", " times the week's (below 1 needed)"),
    *(" is below the required ", "CONFIDENCE_BELOW_THRESHOLD", "sentiment ", " (above ", "divergence"),
    *(" volatile with strength ", "volatility ", "BTC/USD", "ETH/USD", "consensus", " quiet with strength "),
    *("confirmed", " is a trend)", " × its median", " × the week's", "paper:simulated", "pairs_trading"),
    *("simulated", "moving_average", " trending up with strength ", " trending down with strength "),
    *("volatility_breakout", "null", " the best other group has ", "momentum", "bollinger_mean_reversion"),
    *(" ranging with strength ", " typical weekly moves relative to the reference", "market_making"),
    *("trend_following", "sentiment_based", "mean_reversion"),
    *("no learned model; the rule table decides and its confidences are not calibrated",),
)
_EXAMPLES = (
    "qoookmnnmnnnnnnmmNNLMLmmmmmmmmNnmnnnnmmlmlmmmmmlmnMMmlMLMmmnmMMmmmommomomomomomomomomommOmNmnqqmqqqmmq[3"
    ',"4ae3f17d11","paper:simulated","simulated","simulated","ETH/USD","1h",1651852800000,1651856400000,[4,"E'
    'TH/USD","1h",1651852800000,[],"trending_up",1.0,8,[],[],[],[],[],[],true,[5,[],[],[],[],[],[],[],[],[],['
    "],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],1.0,0."
    '0,0.0,0.0,0.0,1.0,[],0.0,0.0,1.0,0.0,0.0,[],[],[],[],1.0,[],[],[],[],[],[],[],1.0,[],[]]],[6,"rules","tr'
    'end_following","confirmed",0.95,0.0,[0,[7,"trend_following",0.95,"ADX 41.8 (above 25 is a trend), trendi'
    'ng up with strength 1.00",null],[7,"mean_reversion",0.4,"RSI 79.4 (overbought), ADX 41.8, trending up wi'
    'th strength 1.00",null],[7,"momentum",[],"volume 2.6 × its median, trending up with strength 1.00",null]'
    ',[7,"market_making",[],"volatility 0.85 × the week\'s, trending up with strength 1.00",null],[7,"sentimen'
    't_based",0.16,"sentiment 41 of 100, +0.9 typical weekly moves relative to the reference, the best other '
    'group has 0.95",null]],[0,[8,"volatility_breakout","momentum",[],0.5,[],[]],[8,"confirmed","trend_follow'
    'ing",[],1.0,[],0.0],[8,"momentum","momentum",[],0.8,[],0.0],[8,"moving_average","trend_following",[],0.9'
    ',[],0.0],[8,"consensus","sentiment_based",[],0.6,[],0.0],[8,"grid","mean_reversion",[],0.2,[],0.5],[8,"r'
    'si","mean_reversion",[],0.3,[],0.0],[8,"sentiment","sentiment_based",[],0.4,[],0.0],[8,"dca","market_mak'
    'ing",[],0.4,[],0.0],[8,"bollinger_mean_reversion","mean_reversion",[],0.2,[],0.0],[8,"pairs_trading","se'
    'ntiment_based",[],0.4,0.0,0.0],[8,"macd","trend_following",[],0.8,[],0.0],[8,"divergence","mean_reversio'
    'n",[],0.4,[],0.0],[8,"market_making","market_making",[],0.1,[],0.0]],"no learned model; the rule table d'
    'ecides and its confidences are not calibrated",null,null],[13,"ETH/USD","none",0.0,0.0,[],[],5334.22,"co'
    'nfirmed","trend_following","6 of 6 agree on a rise (5 needed): EMA order, directional movement, MACD abo'
    've zero, RSI beyond 50, price beyond its mean, channel; ADX 42 (above 25 needed)"],{"grid":[13,"ETH/USD"'
    ',"sell",[],0.5,[],[],[],"grid","mean_reversion","price +2.33 lines from SMA 168 after +1.99 (grid of ±4,'
    ' 2.76 % apart); ADX 42"],"volatility_breakout":[13,"ETH/USD","buy",[],[],[],4996.07,5334.22,"volatility_'
    'breakout","momentum","close +0.73 ATR from the high and +10.57 from the low of the 55 candles before (br'
    'eakout: 0.1 beyond), volume 2.65 times the usual (above 1.5 needed)"]},{},[14,1000,0,null,[0]],"hold",[0'
    '],null,null,[18,"0.1.0","","",[19,"USD","10150.09449578","10150.09449578","10064.35481962","10307.205725'
    '07","10000","10000","0",null,[0]]]]moopknnnMMMMMMNNNNNMmMmmmMmmmmNMLMNNNMmmMLMMMMlmMmnMMmmmnMmmNNMMmmmmm'
    'mOmOmOmOmOmNmmOmOmNmmmMmOmmOmmm[3,"216552a4b5","paper:simulated","simulated","simulated","BTC/USD","1h",'
    '1649937600000,1649941200000,[4,"BTC/USD","1h",1649937600000,58552.1,"ranging",[],12,[],[],[],[],[],[],tr'
    "ue,[5,[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]"
    ",[],[],[],[],[],[],[],[],[],0.0,0.0,1.0,0.0,0.0,[],[],0.0,0.0,0.0,1.0,0.0,[],[],[],[],1.0,[],[],[],[],[]"
    ',[],[],1.0,[],[]]],[6,"rules","sentiment_based","pairs_trading",[],0.0,[0,[7,"sentiment_based",[],"senti'
    'ment 27 of 100, -3.2 typical weekly moves relative to the reference, the best other group has 0.64",null'
    '],[7,"mean_reversion",[],"RSI 40.7, ADX 26.8, ranging with strength 0.60",null],[7,"trend_following",[],'
    '"ADX 26.8 (above 25 is a trend), ranging with strength 0.60",null],[7,"momentum",0.1,"volume 1.2 × its m'
    'edian, ranging with strength 0.60",null],[7,"market_making",0.0,"volatility 1.37 × the week\'s, ranging w'
    'ith strength 0.60",null]],[0,[8,"pairs_trading","sentiment_based",[],0.8,0.0,0.0],[8,"rsi","mean_reversi'
    'on",[],0.9,[],0.0],[8,"grid","mean_reversion",[],0.9,[],0.0],[8,"bollinger_mean_reversion","mean_reversi'
    'on",[],1.0,[],0.0],[8,"divergence","mean_reversion",[],0.7,[],0.0],[8,"market_making","market_making",[]'
    ',0.6,[],0.0],[8,"confirmed","trend_following",[],0.0,[],[]],[8,"dca","market_making",[],0.5,[],0.0],[8,"'
    'sentiment","sentiment_based",[],0.6,[],0.0],[8,"volatility_breakout","momentum",[],0.2,[],0.0],[8,"movin'
    'g_average","trend_following",[],0.1,[],0.0],[8,"momentum","momentum",[],0.1,[],0.0],[8,"macd","trend_fol'
    'lowing",[],0.2,[],[]],[8,"consensus","sentiment_based",[],0.5,[],0.0]],"no learned model; the rule table'
    ' decides and its confidences are not calibrated",null,null],[13,"BTC/USD","none",0.0,0.0,58552.1,56996.7'
    ',60625.9,"pairs_trading","sentiment_based","spread to the reference -0.72 standard deviations (beyond ±2'
    ' needed), beta -0.25, correlation -0.55 (above 0.5 needed)"],{"macd":[13,"BTC/USD","sell",0.2,[],58552.1'
    ',57515.2,60625.9,"macd","trend_following","MACD histogram -0.05 ATR after +0.00 (band ±0.03), MACD line '
    '-0.73; ADX 27"],"confirmed":[13,"BTC/USD","sell",[],[],58552.1,57256.0,61662.8,"confirmed","trend_follow'
    'ing","6 of 6 agree on a fall (5 needed): EMA order, directional movement, MACD above zero, RSI beyond 50'
    ', price beyond its mean, channel; ADX 27 (above 25 needed)"]},{},[14,1000,0,null,[0]],"hold",[0],null,nu'
    'll,[18,"0.1.0","","",[19,"USD","10106.82228780","10106.82228780","10106.82228780","10307.20572507","1000'
    '0","10000","0",null,[0]]]]'
)
PHRASES = ("".join(_FRAGMENTS) + _EXAMPLES).encode()
"""What the texts of version 1 repeat, the most frequent last, and two whole decisions."""
