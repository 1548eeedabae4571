# Calibration of frozen predicted risks at a horizon: the smooth curve by a Cox model on rms::rcs of
# the complementary log-log (Austin 2020), its distances, the slope until the horizon, and the
# Poisson intercept (Crowson 2016) of a model of the odd rows in the even ones.
suppressPackageStartupMessages(library(rms))
precise <- coxph.control(eps = 1e-12, toler.chol = 1e-13)

answer <- function(folder, set, asked) {
  d <- read_input(folder, set); u <- asked$u
  y <- Surv(d$time, d$event)
  smooth <- function(one) {
    p <- d[[one$column]]; x <- log(-log(1 - p))
    b <- rcs(x, 3); knots <- attr(b, "parms"); b <- matrix(as.numeric(b), nrow(d))
    fit <- coxph(y ~ b, control = precise)
    observed <- as.vector(1 - summary(survfit(fit, newdata = list(b = b)), times = u)$surv)
    distance <- abs(observed - p)
    until <- coxph(Surv(pmin(d$time, u), d$event * (d$time <= u)) ~ x,
                   control = precise)
    list(column = one$column, knots = knots, observed_first20 = observed[1:20],
         ici = mean(distance), e50 = median(distance), e90 = unname(quantile(distance, 0.9)),
         slope_until_u = unname(coef(until)), slope_se = sqrt(vcov(until)[1, 1]))
  }
  formula <- as.formula(paste(unlist(asked$formula), collapse = ""))
  odd <- seq(1, nrow(d), 2); even <- seq(2, nrow(d), 2)
  fit <- coxph(formula, d[odd, ], control = precise)
  last <- min(u, max(d$time[odd]))
  cut <- d[even, ]; cut$event <- cut$event * (cut$time <= last); cut$time <- pmin(cut$time, last)
  expected <- predict(fit, newdata = cut, type = "expected")
  # Nothing is expected of who leaves before the first death; glm takes no offset of -Inf.
  level <- glm(cut$event ~ offset(log(pmax(expected, 1e-14))), family = poisson,
                 control = glm.control(epsilon = 1e-14, maxit = 50))
  level <- update(level, start = coef(level))  # the se belongs to the iteration before
  list(dataset = set, input = asked$input, quantity = "calibration_curve",
       meta = versions(c("survival", "rms")), formula = asked$formula, u = u,
       curves = lapply(asked$curves, smooth),
       poisson_even_rows = list(intercept = unname(coef(level)),
                                se = unname(sqrt(diag(vcov(level)))), until = last))
}
